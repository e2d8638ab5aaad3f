// Memory over its quota: garbage goes first, and only what is still over it then costs visitors anything.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRegistry } from '#protocol/metrics/registry.ts'
import { createLog } from '#seeder/config/log.ts'
import { QUOTA_DEFAULTS } from '#seeder/config/quota.ts'
import { giveMemoryBack } from '#seeder/control/collection.ts'
import { type QuotaKeeper, startQuotaKeeper } from '#seeder/control/quota-keeper.ts'

const MIB = 1024 * 1024

function keeperOf(memory: { inUse: number; garbage: number; collections: number }): QuotaKeeper {
  return startQuotaKeeper({
    quotas: { ...QUOTA_DEFAULTS, memory: 512 * MIB },
    store: {
      path: ':memory:',
      stats: () => ({ fileBytes: 0, walBytes: 0 }) as never,
      blocks: { collect: () => 0 } as never,
    },
    registry: createRegistry(),
    log: createLog({ level: 'error', form: 'json', sink: () => {} }),
    onRoom: () => {},
    residentBytes: () => memory.inUse + memory.garbage,
    giveBack: () => {
      memory.garbage = 0
      memory.collections++
    },
  })
}

test('what an attack left as garbage does not shed visitors', () => {
  const memory = { inUse: 200 * MIB, garbage: 400 * MIB, collections: 0 }
  using keeper = keeperOf(memory)
  assert.equal(keeper.sheds(), false)
  assert.deepEqual(keeper.facts().exceeded, [])
  assert.equal(memory.collections, 1)
})

test('what is in use sheds visitors, and is not looked through again and again', () => {
  const memory = { inUse: 600 * MIB, garbage: 0, collections: 0 }
  using keeper = keeperOf(memory)
  for (let count = 0; count < 5; count++) assert.equal(keeper.refusal(1), 'memory')
  assert.equal(keeper.sheds(), true)
  assert.equal(memory.collections, 1)
})

test('garbage is given back to the system', () => {
  let garbage: unknown[] = Array.from({ length: 2_000_000 }, (_, index) => ({ index }))
  const full = process.memoryUsage.rss()
  assert.equal(garbage.length, 2_000_000)
  garbage = []
  giveMemoryBack()
  assert.ok(full - process.memoryUsage.rss() > 32 * MIB, `${full} → ${process.memoryUsage.rss()}`)
  assert.equal('gc' in globalThis, false)
})
