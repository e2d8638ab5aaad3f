// How origins of members are tried from Node and by `fetch`: bounded, to nobody else, and in a network of the whole world to no address of one's own.

import assert from 'node:assert/strict'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { fetchProbe } from '#gateway/locate/fetch-probe.ts'
import { REACH_BYTES_MAX } from '#gateway/locate/reach.ts'
import { createProbe } from '#gateway/node/probe.ts'
import { createAuthority } from '#test/support/authority.ts'

function answer(path: string, response: ServerResponse): void {
  if (path === '/good') response.end('word')
  else if (path === '/long') response.end(Buffer.alloc(REACH_BYTES_MAX + 1))
  else if (path === '/elsewhere') response.writeHead(302, { location: '/good' }).end()
  else response.writeHead(404).end()
}

async function listening(server: Server): Promise<AsyncDisposable & { readonly port: number }> {
  server.on('request', (request, response) => answer(request.url ?? '', response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

test('by fetch: a whole answer of bounded length, and nobody is followed elsewhere', async () => {
  await using server = await listening(createServer())
  const at = (path: string): Promise<Uint8Array> => fetchProbe(`http://127.0.0.1:${server.port}${path}`)
  assert.equal(Buffer.from(await at('/good')).toString(), 'word')
  await assert.rejects(at('/long'), /too long/)
  await assert.rejects(at('/elsewhere'), /302/)
  await assert.rejects(at('/nothing'), /404/)
})

test('from Node: the certificate has to hold, and addresses of this machine are for the local profile alone', async () => {
  const authority = await createAuthority()
  const { certificate, key } = await authority.give(['demo.s1.localhost', 'localhost'])
  await using server = await listening(createSecureServer({ cert: certificate, key }) as unknown as Server)
  const authorities = [authority.certificate]
  using local = createProbe({ isLocal: () => true, authorities })
  const at = (path: string): string => `https://demo.s1.localhost:${server.port}${path}`
  assert.equal(Buffer.from(await local.probe(at('/good'))).toString(), 'word')
  await assert.rejects(local.probe(at('/long')), /too long/)
  await assert.rejects(local.probe(at('/elsewhere')), /302/)
  await assert.rejects(local.probe(`https://other.s1.localhost:${server.port}/good`), /does not match|altnames/i)
  await assert.rejects(local.probe(`https://127.0.0.1:${server.port}/good`), /no name/)
  using strict = createProbe({ isLocal: () => true })
  await assert.rejects(strict.probe(at('/good')), /certificate|issuer/i)
  using world = createProbe({ isLocal: () => false, authorities })
  await assert.rejects(world.probe(`https://localhost:${server.port}/good`), /no public address/)
})
