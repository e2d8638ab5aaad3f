// A seeder that asks for answers and reads none of them: what waits for it at a gateway on Node has a bound, and it is cut off there.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { type NodeGateway, startNodeGateway } from '#gateway/node/start.ts'
import { PROVEN } from '#gateway/tunnel/proof.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { TUNNEL_PATH } from '#seeder/tunnel/tunnel.ts'
import { testNetwork } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

const network = testNetwork({ sites: [{ name: 'wiki', members: ['ana', 'ben', 'cleo', 'dan'] }] })
const directory = mkdtempSync(join(tmpdir(), 'node-tunnel-'))
/** All that a ping may bring back (RFC 6455 §5.5). */
const PAYLOAD = Buffer.alloc(125)
/** Asked for at a time. */
const BATCH = 4_096
const CUT_OFF_MS = 120_000
let gateway: NodeGateway

before(async () => {
  gateway = await startNodeGateway({
    ...{ port: 0, directory, networkKey: network.file.network_key, networkFile: network.text },
    log: () => {},
  })
})
after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

async function open(peer: string): Promise<WebSocket> {
  const signer = network.signer(peer)
  const key = Buffer.from(signer.publicKey).toString('hex')
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}${TUNNEL_PATH}/${key}`)
  socket.on('error', () => {})
  let isOpen = false
  socket.on('message', (data: Buffer, isBinary) => {
    if (!isBinary) isOpen ||= data.toString() === PROVEN
    else {
      const body = { gateway: gateway.url, challenge: new Uint8Array(data) }
      socket.send(cborFromValue(signStatement(network.domain, 'tunnel', signer, body)))
    }
  })
  await until('it is open', () => isOpen, 20_000)
  return socket
}

test('a seeder that asks for answers without end and reads none of them is cut off', async () => {
  const socket = await open('ana')
  socket.pause()
  await until(
    'it is cut off',
    () => {
      for (let sent = 0; sent < BATCH && socket.readyState === WebSocket.OPEN; sent++) socket.ping(PAYLOAD)
      return socket.readyState !== WebSocket.OPEN
    },
    CUT_OFF_MS,
  )
  socket.terminate()
  assert.equal((await fetch(`${gateway.url}/bootstrap`)).status, 200)
})
