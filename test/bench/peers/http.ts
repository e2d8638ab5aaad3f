// Bare `node:http`: answers every request with the same status, headers and bytes.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answering, argument } from './answer.ts'

type Answers = {
  readonly status: number
  /** Name, value, name, value, … */
  readonly headers: string[]
  readonly base64: string
}

let given: { readonly status: number; readonly headers: string[]; readonly body: Buffer } | undefined

const server = createServer({ noDelay: true }, (_, response) => {
  response.writeHead(given?.status ?? 500, given?.headers)
  response.end(given?.body)
})
server.listen(0, '127.0.0.1', () => {
  argument<object>()
  answering({ port: (server.address() as AddressInfo).port }, (question) => {
    const { status, headers, base64 } = question as Answers
    given = { status, headers, body: Buffer.from(base64, 'base64') }
    return {}
  })
})
