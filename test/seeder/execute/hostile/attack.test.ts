// What a script can do to the host that runs it ends the request that does it and nothing else (runtime.md, "What must hold"):
// `executeBlock` never throws for it, the next request of the block works, and every member gets the same result.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Site } from '#test/seeder/execute/hostile/hosted.ts'
import { textOf } from '#test/seeder/execute/pool/site.ts'

const site = Site.published()

function answer(body: string): string {
  const { failure, response } = site.attack(body)
  return failure ?? textOf(response)
}

describe('arguments of host operations', () => {
  const nest = (depth: number) => `'['.repeat(${depth}) + ']'.repeat(${depth})`
  for (const [name, code, expected] of [
    ['a log line that is no text', `return host('log', '{"text":{"toString":1,"valueOf":1}}')`, /"argument"/],
    ['a log level that is no text', `return host('log', '{"level":{"toString":1},"text":"x"}')`, /^\{\}$/],
    ['a log line of megabytes', `return host('log', JSON.stringify({ text: 'x'.repeat(4e6) }))`, /^\{\}$/],
    ['no JSON', `return host('random', '{')`, /"argument"/],
    ['a random count that is no number', `return host('random', '{"n":{"valueOf":1}}')`, /"random_size"/],
    ['scrypt with N above 2^(16·r)', `return crypto.scrypt('p', 's', { N: 131072, r: 1 })`, /exception/],
    ['scrypt with much p', `return crypto.scrypt('p', 's', { N: 2, r: 1024, p: 300 })`, /exception/],
    ['a salt that is no base64url', `return host('crypto.hmac', '{"hash":"SHA-1","key":"a+/="}')`, /"argument"/],
    ['a salt with stray bits', `return host('crypto.hmac', '{"hash":"SHA-1","key":"ab"}')`, /"argument"/],
    [
      'metadata that nests deeply',
      `return host('kv.put', '{"namespace":"KV","key":"k","metadata":' + ${nest(200_000)} + '}', new ArrayBuffer(1))`,
      /"argument"/,
    ],
    ['an argument of many arrays', `return host('db.query', '[' + '[],'.repeat(3e6) + '0]')`, /"argument"/],
    ['an argument of many fields', `return host('kv.get', '{' + '"a":1,'.repeat(2e6) + '"b":0}')`, /"argument"/],
    ['an argument that is very long', `return host('kv.get', ' '.repeat(17e6) + '{}')`, /"argument"/],
    ['an operation with a long name', `return host('kv.' + 'x'.repeat(1e6), '{}')`, /"operation"/],
    [
      'a path of many pages',
      `return host('assets.resolve', JSON.stringify({ path: '/' + '.html'.repeat(1e6) }))`,
      /"binding"/,
    ],
    [
      'a row of many large values',
      `const blob = new Uint8Array(1900000).fill(255)
       return JSON.stringify((await env.DB.prepare('SELECT ' + '?1,'.repeat(190) + '1').bind(blob.buffer).all()).success)`,
      /exception|fuel|memory/,
    ],
    [
      'a row of many large texts',
      `return (await env.DB.prepare('SELECT ' + '?1,'.repeat(190) + '1').bind('\\u0001'.repeat(1900000)).all()).success`,
      /exception|fuel|memory/,
    ],
  ] as const) {
    test(name, () => assert.match(answer(code), expected))
  }
})

describe('answers that the script forges', () => {
  for (const [name, taken, expected] of [
    ['an error of null', '{"error":null}', 'response_form'],
    ['an error of a number', '{"error":1}', 'response_form'],
    ['an error whose message is no text', '{"error":{"message":{"toString":1}}}', 'response_form'],
    ['an error whose stack is no text', '{"error":{"message":"m","stack":{"toString":1}}}', 'response_form'],
    ['an error of a text', '{"error":{"message":"m"}}', 'exception'],
    ['null', 'null', 'response_form'],
    ['a text', '"x"', 'response_form'],
    ['a list', '[]', 'response_form'],
    ['a status that is no number', '{"status":{"valueOf":1},"headers":[]}', 'response_form'],
    ['a status out of range', '{"status":1e400,"headers":[]}', 'response_form'],
    ['headers that are no list', '{"status":200,"headers":{"length":1}}', 'response_form'],
    ['headers that are no pairs', '{"status":200,"headers":[["a"],["b","c","d"],null]}', 'response_form'],
    ['header values that are no texts', '{"status":200,"headers":[["a",{"toString":1}]]}', 'response_form'],
    ['a lone surrogate', '{"status":200,"headers":[["a","\\ud800"]]}', 'response_form'],
    ['deep nesting', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'response_form'],
  ] as const) {
    test(name, () => {
      const code = `JSON.stringify = () => ${taken.length > 1_000 ? `'['.repeat(1e5) + ']'.repeat(1e5)` : JSON.stringify(taken)}; return new Response('x')`
      assert.equal(site.attack(code).failure, expected)
    })
  }
})

test('a failed request pays what it burnt, and leaves nothing', () => {
  const { failure, fuel } = site.attack(
    `await env.KV.put('trace', 'x'); JSON.stringify = () => '{"error":null}'; return new Response('x')`,
  )
  assert.equal(failure, 'response_form')
  assert(fuel > 100_000)
  assert.equal(answer(`return await env.KV.get('trace')`), 'null')
})
