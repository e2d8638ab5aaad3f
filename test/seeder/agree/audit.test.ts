import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOriginOf } from '#seeder/agree/audit.ts'

test('F31 a member names the origin of a site on its own host, and sends nobody elsewhere', () => {
  const own = 'http://s1.localhost:8080'
  for (const origin of ['http://wiki.s1.localhost:8080', 'http://s1.localhost:9000', 'https://wiki.s1.localhost'])
    assert.ok(isOriginOf(own, origin), origin)
  for (const origin of [
    'http://169.254.169.254/',
    'http://wiki.s2.localhost:8080',
    'http://evils1.localhost:8080',
    'http://s1.localhost.example',
    'http://s1.localhost@10.0.0.1/',
    'file:///etc/passwd',
    'wiki',
  ])
    assert.ok(!isOriginOf(own, origin), origin)
  assert.ok(isOriginOf('http://127.0.0.1:8080', 'http://127.0.0.1:9001'))
  assert.ok(!isOriginOf('http://127.0.0.1:8080', 'http://127.0.0.2:8080'))
})
