const attacks = {
  loop() {
    for (;;);
  },
  memory() {
    const all = []
    for (;;) all.push(new Uint8Array(1e6).fill(1))
  },
  depth() {
    const nest = () => [1].map(nest)
    nest()
  },
  regexp: () => /^(a|a|a)*$/.test(`${'a'.repeat(60)}b`),
  bigint() {
    let number = 7n
    for (;;) number *= number
  },
  async promises() {
    const all = []
    for (let count = 0; count < 1e6; count++) all.push(new Promise(() => {}))
    await Promise.all(all)
  },
  sql: (env) =>
    env.DB.prepare('WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) SELECT max(x) FROM c').all(),
  host() {
    const text = 'x'.repeat(1e7)
    for (;;) globalThis.__host(text, text)
  },
  answer: () => 'x'.repeat(9 * 2 ** 20),
  error() {
    throw new Error('on purpose')
  },
}

export default {
  async fetch(request, env) {
    const name = new URL(request.url).pathname.slice(1)
    const made = await attacks[name]?.(env)
    return new Response(String(made ?? Object.keys(attacks)))
  },
}
