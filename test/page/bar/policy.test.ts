// What a page's content policy makes of the bar's script: never a wider one for anything else.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goesOnUnder, leaveOf } from '#page/bar/policy.ts'

const SOURCE = 'http://wiki.example/.well-known/interpeer/bar-0.js'
const CSP = 'content-security-policy'
/** The policy as it is sent; `same`: unchanged; `none`: the page goes without the bar. */
function sent(policy: string): string {
  const leave = leaveOf([[CSP, policy]], SOURCE)
  if (leave === undefined) return 'none'
  return (leave.headers?.[0]?.[1] ?? 'same') + (leave.nonce === undefined ? '' : ` nonce=${leave.nonce}`)
}

test('a policy that lets the page load scripts of its own origin, or says nothing of scripts, stays as it is', () => {
  for (const policy of [
    "script-src 'self'",
    "default-src 'SELF' https:",
    'img-src https:',
    "script-src-elem 'self'; script-src 'none'",
    '',
    "frame-ancestors 'none'",
    'script-src *',
  ])
    assert.equal(sent(policy), 'same', policy)
})

test('a nonce of the page is used, and never two', () => {
  assert.equal(sent("script-src 'nonce-abc=='"), 'same nonce=abc==')
  assert.equal(sent("script-src 'nonce-abc' 'strict-dynamic' https:"), 'same nonce=abc')
  const other = leaveOf(
    [
      [CSP, "script-src 'nonce-a'"],
      [CSP, "script-src 'nonce-b'"],
    ],
    SOURCE,
  )
  assert.equal(other?.nonce, 'a')
  assert.equal(other?.headers?.[1]?.[1], `script-src 'nonce-b'; script-src-elem 'nonce-b' ${SOURCE}`)
})

test('a policy that names other sources gets the one address, for script elements alone', () => {
  for (const [policy, expected] of [
    ["script-src 'none'", `script-src 'none'; script-src-elem ${SOURCE}`],
    ["default-src 'none'; img-src *", `default-src 'none'; img-src *; script-src-elem ${SOURCE}`],
    [
      "script-src 'sha256-x' https://cdn.example",
      `script-src 'sha256-x' https://cdn.example; script-src-elem 'sha256-x' https://cdn.example ${SOURCE}`,
    ],
    ["script-src-elem 'none'; script-src 'self'", ` script-src 'self'; script-src-elem ${SOURCE}`],
    ["script-src 'none'; SCRIPT-SRC *", `script-src 'none'; SCRIPT-SRC *; script-src-elem ${SOURCE}`],
    ["img-src *, script-src 'none'", `img-src *, script-src 'none'; script-src-elem ${SOURCE}`],
    ['script-src', `script-src; script-src-elem ${SOURCE}`],
  ] as const)
    assert.equal(sent(policy), expected, policy)
  const only = leaveOf([[`${CSP}-report-only`, "script-src 'none'"]], SOURCE)
  assert.match(only?.headers?.[0]?.[1] ?? '', /script-src-elem http/, 'nor does the page report what it did not do')
})

test('a page that is boxed, or trusts only what its scripts load, goes without', () => {
  assert.equal(sent('sandbox allow-scripts'), 'none')
  assert.equal(sent("script-src 'self' 'strict-dynamic' 'sha256-x'"), 'none')
  assert.equal(leaveOf([[CSP, "script-src 'none'"]], undefined), undefined, 'an origin that no policy can name')
})

test('a policy that browsers may read otherwise than this does is not touched', () => {
  // The space in it is none to a browser, which passes the whole directive over: `default-src` rules, and lets no script of cdn.example.
  assert.equal(sent("default-src 'none'; script-src\u00a0'x' https://cdn.example"), 'none')
  assert.equal(sent("script-src 'none'; img-src é"), 'none')
  assert.equal(sent("script-src\v'self'"), 'none')
})

test('what the page may do once its host is gone', () => {
  assert.equal(goesOnUnder([]), 'links forms ask')
  assert.equal(goesOnUnder(["script-src 'none'"]), 'links forms ask')
  assert.equal(goesOnUnder(["default-src 'self'; form-action 'self'"]), 'links')
  assert.equal(goesOnUnder(["connect-src 'self'; default-src 'none'"]), 'links forms')
  assert.equal(goesOnUnder(["default-src 'none'"]), '')
  assert.equal(goesOnUnder(["script-src 'self'", 'connect-src https://api.example']), '')
  assert.equal(goesOnUnder(["script-src 'self', form-action 'none'"]), 'links ask')
})
