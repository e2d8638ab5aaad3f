import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  QUOTA_BOUNDS,
  QUOTA_DEFAULTS,
  QUOTA_NAMES,
  quotaErrorText,
  quotaFromText,
  quotasOf,
  readConfig,
  sizeText,
} from '#seeder/config/quota.ts'
import { createBandwidth } from '#seeder/serve/bandwidth.ts'
import { interpeer } from '#test/support/command.ts'

test('F15 every quota has its default and its bounds, and one beyond them is refused with both named', () => {
  assert.deepEqual(quotasOf({}), { ok: true, value: QUOTA_DEFAULTS })
  for (const name of QUOTA_NAMES) {
    const { min, max } = QUOTA_BOUNDS[name]
    for (const at of [min, max]) assert.deepEqual(quotaFromText(name, String(at)), { ok: true, value: at })
    for (const beyond of [min - 1, max + 1]) {
      const refused = quotaFromText(name, String(beyond))
      assert.ok(!refused.ok && refused.error.code === 'quota_bounds')
      assert.ok(quotaErrorText(refused.error).includes(sizeText(min)))
    }
    assert.deepEqual(quotaFromText(name, 'none'), { ok: true, value: Number.POSITIVE_INFINITY })
    for (const odd of ['', '-1', '1.5G', '10 G', '10g', '1e9', 'Infinity', '0x10'])
      assert.ok(!quotaFromText(name, odd).ok, odd)
  }
  assert.deepEqual(quotaFromText('disk', '10G'), { ok: true, value: 10 * 1024 ** 3 })
})

test('F15 the command line wins over the file of the directory, and a file that is none is refused', () => {
  const directory = mkdtempSync(join(tmpdir(), 'quota-'))
  try {
    assert.deepEqual(readConfig(directory), { quotas: {} })
    const write = (text: string) => writeFileSync(join(directory, 'config.json'), text)
    write('{"disk":"10G","slots":8,"logLevel":"warn"}')
    const config = readConfig(directory)
    assert.deepEqual(config, { quotas: { disk: '10G', slots: '8' }, logLevel: 'warn' })
    const quotas = quotasOf(config.quotas, { slots: '9' })
    assert.ok(quotas.ok)
    assert.equal(quotas.value.slots, 9)
    assert.equal(quotas.value.disk, 10 * 1024 ** 3)
    for (const wrong of ['{', '[]', '{"dsk":"10G"}', '{"disk":10}', '{"logLevel":"loud"}']) {
      write(wrong)
      assert.throws(() => readConfig(directory), /config\.json is no/)
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('F15 the command refuses quotas, log levels and drains that it does not know', async () => {
  for (const words of [
    ['--disk', '1K'],
    ['--slots', '0'],
    ['--bandwidth', 'fast'],
    ['--drain', '301'],
    ['--address', 'here'],
  ]) {
    const network = join(import.meta.dirname, 'quota.test.ts')
    const { code, stderr } = await interpeer(['seed', '--dir', join(tmpdir(), 'never'), '--network', network, ...words])
    assert.equal(code, 2, stderr)
  }
})

test('F15 of a bucket goes a second at once and then the mean; who comes first goes first', async () => {
  let time = 0
  const bucket = createBandwidth(1_000, () => time)
  assert.equal(await bucket.turn(), true)
  bucket.spend(1_500)
  assert.equal(bucket.free(), false)
  assert.equal(await bucket.turn(0), false, 'who cannot wait is told')
  time = 400
  assert.equal(bucket.free(), false)
  time = 501
  assert.equal(bucket.free(), true)
  time = 1_000_000
  assert.equal(bucket.free(), true)
  bucket.spend(1_001)
  assert.equal(bucket.free(), false, 'no more than a second is saved up')
  const order: number[] = []
  const turns = [1, 2, 3].map(async (each) => {
    if (await bucket.turn()) order.push(each)
  })
  time += 10_000
  await Promise.all(turns)
  assert.deepEqual(order, [1, 2, 3])
})
