export default {
  async fetch(request, env) {
    if (request.method === 'POST') {
      const text = await request.text()
      await env.DB.prepare('INSERT INTO lines (text) VALUES (?)').bind(text).run()
      return new Response(text, { status: 201 })
    }
    const { results } = await env.DB.prepare('SELECT text FROM lines ORDER BY number').all()
    return Response.json(results.map((row) => row.text))
  },
}
