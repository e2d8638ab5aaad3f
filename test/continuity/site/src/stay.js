// Visitors log in, and who has logged in writes lines. It does nothing about forms that come twice.

const LOGIN = '<form method="post" action="/login"><input name="name"><button>Log in</button></form>'
const WRITE = '<form method="post" action="/lines"><input name="text"><button>Write</button></form>'

function page(body) {
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Stay</title></head><body>${body}</body></html>`
  return new Response(html, { headers: { 'content-type': 'text/html; charset=utf-8' } })
}

const back = (headers = {}) => new Response(null, { status: 303, headers: { location: '/', ...headers } })

async function visitorOf(request, env) {
  const id = /(?:^|; )session=([^;]+)/.exec(request.headers.get('cookie') ?? '')?.[1]
  if (id === undefined) return undefined
  return (await env.DB.prepare('SELECT name FROM sessions WHERE id = ?').bind(id).first())?.name
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (pathname === '/lines.json') {
      const { results } = await env.DB.prepare('SELECT text FROM lines ORDER BY number').all()
      return Response.json(results.map(({ text }) => text))
    }
    if (pathname === '/events') {
      const after = Number(request.headers.get('last-event-id') ?? 0)
      const sql = 'SELECT number, text FROM lines WHERE number > ? ORDER BY number'
      const { results } = await env.DB.prepare(sql).bind(after).all()
      const events = results.map(({ number, text }) => `id: ${number}\ndata: ${text}\n\n`)
      return new Response(events.join(''), { headers: { 'content-type': 'text/event-stream' } })
    }
    if (request.method === 'POST' && pathname === '/login') {
      const name = (await request.formData()).get('name')
      const id = crypto.randomUUID()
      await env.DB.prepare('INSERT INTO sessions (id, name) VALUES (?, ?)').bind(id, name).run()
      return back({ 'set-cookie': `session=${id}; Path=/; HttpOnly; SameSite=Lax; Max-Age=86400` })
    }
    const name = await visitorOf(request, env)
    if (name === undefined) return page(`<h1>Who are you?</h1>${LOGIN}`)
    if (request.method === 'POST') {
      const text = (await request.formData()).get('text')
      await env.DB.prepare('INSERT INTO lines (name, text) VALUES (?, ?)').bind(name, text).run()
      return back()
    }
    const { results } = await env.DB.prepare('SELECT number, text FROM lines ORDER BY number DESC LIMIT 20').all()
    const items = results.map(({ number, text }) => `<li value="${number}">${text}</li>`)
    return page(`<h1>Hello, ${name}</h1>${WRITE}<ol reversed>${items.join('')}</ol>`)
  },
}
