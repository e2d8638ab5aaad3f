// docs/schemas describes what the gateway answers: real answers fit, and changed ones do not.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ZERO_DIGEST } from '#protocol/codec/digest.ts'
import { ok } from '#protocol/codec/result.ts'
import { type Scene, scene } from '#test/gateway/scene.ts'
import { schemaErrors } from '#test/support/json-schema.ts'
import { signerNamed } from '#test/support/network.ts'

function schema(name: string): Record<string, unknown> {
  const file = join(import.meta.dirname, '..', '..', 'docs', 'schemas', `${name}.json`)
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
}

async function accusedScene(): Promise<Scene> {
  const at = await scene({
    judge: async () =>
      ok({
        accused: signerNamed('ben').publicKey,
        kind: 'amnesia',
        hash: ZERO_DIGEST,
        job: ZERO_DIGEST,
        isProven: true,
      }),
  })
  await at.register('ana', { accuses: [{ peer: 'ben', evidence: ZERO_DIGEST }] })
  await at.register('ben')
  return at
}

const at = await accusedScene()
const answers: readonly (readonly [schema: string, Response])[] = [
  ['bootstrap', await at.ask('/bootstrap')],
  ['network', await at.ask('/network')],
  ['register', await at.register('cleo', { accuses: [{ peer: 'ben', evidence: ZERO_DIGEST }] })],
  ['evidence', await at.ask('/evidence', { method: 'POST', body: 'proof' })],
  ['lookup-name', await at.ask('/lookup/name/wiki')],
  ['about', await at.ask('/-/about/wiki.json')],
  ['lookup-peer', await at.ask(`/lookup/peer/${at.network.peer('ana')}`)],
  ['lookup-peer', await at.ask(`/lookup/peer/${at.network.peer('eve')}`)],
  ['network-taken', await at.ask('/network', { method: 'PUT', body: at.network.next({}).text })],
  ['error', await at.ask('/nobody/')],
  ['error', await at.ask('/register', { method: 'POST', body: 'x' })],
  ['error', await at.register('ana', { time: 0 })],
  ['error', await at.ask('/network', { method: 'DELETE' })],
]

for (const [name, response] of answers) {
  test(`the answer ${response.status} fits docs/schemas/${name}.json, and without a field it does not`, async () => {
    const answer = (await response.json()) as Record<string, unknown>
    assert.deepEqual(schemaErrors(schema(name), answer), [])
    const { required } = schema(name) as { required: readonly string[] }
    for (const field of required) {
      const { [field]: _, ...rest } = answer
      assert.notDeepEqual(schemaErrors(schema(name), rest), [], field)
    }
    assert.notDeepEqual(schemaErrors(schema(name), { ...answer, extra: {} }), [])
  })
}

test('the schema of refusals names every code, and no other', () => {
  const source = readFileSync(join(import.meta.dirname, '..', '..', 'gateway', 'http', 'errors.ts'), 'utf8')
  const codes = Array.from(source.matchAll(/\| \{\s+readonly code: '(\w+)'/g), (match) => match[1])
  const { properties } = schema('error') as { properties: { code: { enum: readonly string[] } } }
  assert.deepEqual(properties.code.enum, codes)
})
