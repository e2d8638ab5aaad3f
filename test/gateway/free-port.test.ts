import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { test } from 'node:test'
import { atFreePort } from '#gateway/local/free-port.ts'

async function listening(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

test('a port that somebody took meanwhile is passed over', async () => {
  const other = await listening(0)
  const picked = [portOf(other), portOf(other), 0]
  const server = await atFreePort(listening, async () => picked.shift() ?? assert.fail('no third port was needed'))
  assert.equal(picked.length, 0)
  assert.notEqual(portOf(server), portOf(other))
  for (const each of [server, other]) each.close()
})

test('ports that are always taken end it, and whatever else fails does so at once', async () => {
  const other = await listening(0)
  let tries = 0
  const pick = async (): Promise<number> => {
    tries++
    return portOf(other)
  }
  await assert.rejects(atFreePort(listening, pick), { code: 'EADDRINUSE' })
  assert.equal(tries, 5)
  other.close()

  let works = 0
  const broken = async (): Promise<never> => {
    works++
    throw new Error('the build is broken')
  }
  await assert.rejects(atFreePort(broken), /the build is broken/)
  assert.equal(works, 1)
})

test('without a choice it is given a port that it can take', async () => {
  const server = await atFreePort(listening)
  assert(portOf(server) > 0)
  server.close()
})
