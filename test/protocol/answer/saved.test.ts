import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkAnswer } from '#protocol/answer/check.ts'
import { savedAnswerFromBytes, savedAnswerToBytes } from '#protocol/answer/saved.ts'
import { bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { directoryOf } from '#protocol/directory/directory.ts'
import { verifyNetworkFile } from '#protocol/directory/network-file.ts'
import { verify } from '#seeder/identity/keys.ts'
import { readAnswer, rulesOf, savedBytes, writeAnswer } from '#test/support/answers.ts'
import { type HostedGroup, hostedGroup, textResponse } from '#test/support/hosted-group.ts'

const group = hostedGroup('demo', {
  app(request, context) {
    if (request.method !== 'POST')
      return textResponse(200, Buffer.from(context.chance()).toString('hex'), [
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ])
    context.state.set('last', request.target)
    return textResponse(303, '', [['location', '/made']])
  },
})
const read = savedBytes(await readAnswer(group, 1, '/lottery'))
const write = savedBytes(await writeAnswer(group, 2, '/new', bytesFromText('hello')))

/** As a reader does who has nothing but the network file and this file. */
function judge(of: HostedGroup, file: Uint8Array): string {
  const saved = savedAnswerFromBytes(file)
  if (!saved.ok) return saved.error.code
  const { asked, answer, evidence } = saved.value
  const found = directoryOf(of.network.file).group(asked.job)
  if (found === undefined) return 'unknown_job'
  const rules = rulesOf(of, { group: found, now: evidence.cert.block.time })
  const checked = checkAnswer(rules, asked, answer, evidence, verify)
  return checked.ok ? 'valid' : checked.error.code
}

for (const [kind, file] of [
  ['read', read],
  ['write', write],
] as const) {
  test(`F31 §7.4 a saved ${kind} is valid as it is, and any byte of it changed is refused`, () => {
    assert.equal(judge(group, file), 'valid')
    const codes = new Map<string, number>()
    for (let index = 0; index < file.length; index++) {
      // Every byte with one bit flipped, a different bit from byte to byte, and with all bits flipped.
      for (const mask of [1 << (index % 8), 0xff]) {
        const changed = file.slice()
        changed[index] = (changed[index] ?? 0) ^ mask
        const verdict = judge(group, changed)
        assert.notEqual(
          verdict,
          'valid',
          `byte ${index} of ${file.length} xor ${mask} went unseen: ${hexFromBytes(changed)}`,
        )
        codes.set(verdict, (codes.get(verdict) ?? 0) + 1)
      }
    }
    assert.ok(codes.size > 5, 'different checks catch different bytes')
  })

  test(`F31 §7.4 a saved ${kind} is refused when it is cut or goes on`, () => {
    assert.equal(judge(group, file.subarray(0, file.length - 1)), 'saved_form')
    assert.equal(judge(group, new Uint8Array([...file, 0])), 'saved_form')
  })
}

test('F31 §7.4 every bit of the small fields of a write counts', () => {
  // Sides, fuel and counters are single bytes in the midst of hashes: all eight bits of every byte of the evidence.
  for (let index = write.length - 1; index >= 0; index -= 1) {
    if (index % 3 !== 0 && index < write.length - 400) continue
    for (let bit = 0; bit < 8; bit++) {
      const changed = write.slice()
      changed[index] = (changed[index] ?? 0) ^ (1 << bit)
      assert.notEqual(judge(group, changed), 'valid', `byte ${index} bit ${bit}`)
    }
  }
})

test('F31 §7.4 headers that the response hash would drop or fold cannot hide in a saved answer', async () => {
  const held = await readAnswer(group, 0, '/x')
  const { asked, requestBody, answer, evidence } = held
  for (const extra of [
    ['date', 'today'],
    ['interpeer-note', 'x'],
    ['X-Upper', '1'],
  ] as const) {
    const covered = [...answer.headers, extra]
    const file = savedAnswerToBytes(asked, requestBody, { status: answer.status, covered, body: answer.body }, evidence)
    assert.equal(judge(group, file), 'saved_form')
  }
})

test('F31 §7.4 a saved answer is judged by the network file at hand: another network has no such site or key', () => {
  const other = hostedGroup('demo', { members: ['eve', 'fay', 'gus', 'hal'] })
  assert.equal(judge(other, read), 'receipt_not_member')
  assert.equal(judge(other, write), 'cert_signature')
  const changed = JSON.stringify({ ...group.network.file, version: 2 })
  assert.deepEqual(verifyNetworkFile(changed, verify), { ok: false, error: { code: 'bad_signature' } })
})

test('§6 what is no saved answer is refused in its form', () => {
  for (const bytes of [
    new Uint8Array(0),
    cborFromValue({}),
    cborFromValue({ format: 'interpeer-answer/2' }),
    bytesFromText('{}'),
  ])
    assert.equal(judge(group, bytes), 'saved_form')
})
