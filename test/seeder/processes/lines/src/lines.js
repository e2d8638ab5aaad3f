export default {
  async fetch(request, env) {
    if (request.method === 'POST') {
      const text = await request.text()
      await env.DB.prepare('INSERT INTO lines (text) VALUES (?)').bind(text).run()
      return new Response(text, { status: 201 })
    }
    if (new URL(request.url).pathname === '/events') {
      const after = Number(request.headers.get('last-event-id') ?? 0)
      const sql = 'SELECT number, text FROM lines WHERE number > ? ORDER BY number'
      const { results } = await env.DB.prepare(sql).bind(after).all()
      const events = results.map(({ number, text }) => `id: ${number}\ndata: ${text}\n\n`)
      return new Response(events.join(''), { headers: { 'content-type': 'text/event-stream' } })
    }
    const { results } = await env.DB.prepare('SELECT text FROM lines ORDER BY number').all()
    return Response.json(results.map((row) => row.text))
  },
}
