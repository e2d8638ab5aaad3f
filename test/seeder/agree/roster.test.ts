import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Digest } from '#protocol/codec/digest.ts'
import { peerName } from '#protocol/identity/keys.ts'
import type { Group } from '#protocol/message/certificate.ts'
import { Roster } from '#seeder/agree/roster.ts'
import { signerNamed } from '#test/support/network.ts'

const keys = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => signerNamed(name).publicKey)
const names = keys.map(peerName)
const job = new Uint8Array(32) as Digest

function group(epoch: number, ...members: number[]): Group {
  return { job, epoch, members: members.map((index) => keys[index] ?? assert.fail()), quorum: 'bft' }
}

function roster(own: number): Roster {
  return new Roster([group(0, 0, 1, 2, 3)], keys[own] ?? assert.fail(), 0)
}

test('§6 an index stays who it is when a later group adds to the roster', () => {
  const known = roster(0)
  assert.ok(known.add(group(1, 4, 1, 2, 3)))
  assert.deepEqual(known.names, [names[0], names[1], names[2], names[3], names[4]])
  assert.equal(known.at(4), names[4])
  assert.equal(known.indexOf(names[4] ?? assert.fail()), 4)
  assert.equal(known.indexOf(names[0] ?? assert.fail()), undefined, 'nothing comes from oneself')
  assert.equal(known.indexOf(names[5] ?? assert.fail()), undefined, 'nor from who is in no group')
})

test('§6 the groups that are known follow each other without a gap', () => {
  const known = roster(0)
  assert.ok(!known.add(group(2, 5, 1, 2, 3)))
  assert.ok(!known.add(group(0, 5, 1, 2, 3)))
  assert.deepEqual(known.names, names.slice(0, 4))
})

test('§6 what visitors said goes to the present members and those to come; where the group stands, to those who left last too', () => {
  const known = roster(1)
  known.add(group(1, 4, 1, 2, 3))
  assert.deepEqual(known.audience('request'), [names[0], names[2], names[3], names[4]])
  known.enter(1)
  assert.deepEqual(known.audience('request'), [names[4], names[2], names[3]])
  assert.deepEqual(known.audience('status'), [names[0], names[2], names[3], names[4]])
  known.add(group(2, 4, 1, 2, 5))
  known.enter(2)
  assert.deepEqual(known.audience('request'), [names[4], names[2], names[5]])
  assert.deepEqual(known.audience('status'), [names[4], names[2], names[3], names[5]])
})
