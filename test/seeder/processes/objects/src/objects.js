// POST `add` counts and answers the count, `read` answers `count value`, `write …` sets the value. Every POST is ordered, reads too.
async function post(request, env) {
  const path = new URL(request.url).pathname
  const [input, value] = (await request.text()).split(' ')
  await env.DB.prepare('INSERT OR IGNORE INTO objects (path) VALUES (?)').bind(path).run()
  if (input === 'add') await env.DB.prepare('UPDATE objects SET count = count + 1 WHERE path = ?').bind(path).run()
  if (input === 'write') await env.DB.prepare('UPDATE objects SET value = ? WHERE path = ?').bind(value, path).run()
  return show(path, env)
}

async function show(path, env) {
  const row = await env.DB.prepare('SELECT count, value FROM objects WHERE path = ?').bind(path).first()
  return new Response(`${row?.count ?? 0} ${row?.value ?? ''}`)
}

export default {
  fetch: (request, env) => (request.method === 'POST' ? post(request, env) : show(new URL(request.url).pathname, env)),
}
