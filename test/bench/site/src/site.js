// The smallest scripts that stand for a page, a write without a database, and a write of one row.

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (request.method === 'GET' && pathname === '/rows') return rows(env)
    if (request.method === 'GET') {
      const { results } = await env.DB.prepare('SELECT id, text FROM lines ORDER BY id LIMIT 32').all()
      const items = results.map(
        ({ id, text }) => `<li class="line" id="line-${id}"><a href="/line/${id}">${text}</a></li>`,
      )
      const html = `<!doctype html><html lang="en"><title>Lines</title><h1>Lines</h1><ol>${items.join('\n')}</ol></html>`
      return new Response(html, { headers: { 'content-type': 'text/html; charset=utf-8' } })
    }
    if (pathname === '/insert') {
      await env.DB.prepare('INSERT INTO lines (text) VALUES (?)')
        .bind(await request.text())
        .run()
    }
    return new Response('written\n', { status: 201 })
  },
}

/** Fifty rows, as `test/bench/beside/rows.php` and `test/bench/peers/hono.ts` write them. */
async function rows(env) {
  const { results } = await env.DB.prepare('SELECT id, title, text FROM rows ORDER BY id LIMIT 50').all()
  const items = results.map(
    ({ id, title, text }) => `<li id="row-${id}"><a href="/row/${id}">${title}</a> ${text}</li>`,
  )
  const html = `<!doctype html><html lang="en"><title>Rows</title><h1>Rows</h1><ol>${items.join('\n')}</ol></html>`
  return new Response(html, { headers: { 'content-type': 'text/html; charset=utf-8' } })
}
