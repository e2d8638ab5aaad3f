// A site's cookies are for its own host: what lies above its name is every site's.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawPairs, startEdge } from '#test/support/edge.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'

const WIDE = 'a=1; Path=/; domain=.localhost; HttpOnly'
const app = ({ target }: { readonly target: string }) => {
  const response = textResponse(200, target)
  const cookies = target === '/plain' ? ['d=domain=x; Path=/'] : [WIDE, 'b=2;Domain = s0.localhost', 'c=3']
  return { ...response, headers: [...response.headers, ...cookies.map((value) => ['set-cookie', value] as const)] }
}

for (const method of ['GET', 'POST'])
  test(`no cookie is for more than its own host, and whoever checks answers gets what was certified (${method})`, async () => {
    await using edge = await startEdge(hostedGroup('demo', { app }))
    const cookies = async (headers: Readonly<Record<string, string>>): Promise<readonly string[]> => {
      const answer = await edge.ask('/', { method, headers, ...(method === 'POST' ? { body: Buffer.from('x') } : {}) })
      return rawPairs(answer).flatMap(([name, value]) => (name.toLowerCase() === 'set-cookie' ? [value] : []))
    }
    const narrow = ['a=1; Path=/; HttpOnly', 'b=2', 'c=3']
    // From memory the second time, and in the other order for the other asker.
    assert.deepEqual(await cookies({}), narrow)
    assert.deepEqual(await cookies({ 'interpeer-client': '1' }), [WIDE, 'b=2;Domain = s0.localhost', 'c=3'])
    assert.deepEqual(await cookies({}), narrow)
    await edge.askVerified('/', { headers: { 'interpeer-client': '1' } })
  })

test('a cookie that only looks so stays as it is', async () => {
  await using edge = await startEdge(hostedGroup('demo', { app }))
  const { answer } = await edge.askVerified('/plain')
  assert.deepEqual(answer.headers['set-cookie'], ['d=domain=x; Path=/'])
})
