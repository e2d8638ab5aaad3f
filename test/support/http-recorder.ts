// An HTTP server on the page: keeps what it was sent and answers what the test says.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Recorded = { readonly method: string; readonly path: string; readonly body: Buffer; readonly at: number }
export type RecorderAnswer = { readonly status: number; readonly body?: string }
export type HttpRecorder = AsyncDisposable & { readonly url: string; readonly requests: Recorded[] }

export async function startRecorder(
  answer: (request: Recorded) => RecorderAnswer | Promise<RecorderAnswer> = () => ({ status: 200 }),
): Promise<HttpRecorder> {
  const requests: Recorded[] = []
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const request = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      body: Buffer.concat(chunks),
      at: performance.now(),
    }
    requests.push(request)
    const { status, body = '' } = await answer(request)
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
