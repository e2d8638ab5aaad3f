export default {
  async fetch(request, env) {
    if (request.method === 'POST') {
      const number = Number(new URL(request.url).searchParams.get('cell'))
      const text = await request.text()
      await env.DB.prepare(
        'INSERT INTO cells (number, text, writes) VALUES (?, ?, 1) ON CONFLICT (number) DO UPDATE SET text = excluded.text, writes = writes + 1',
      )
        .bind(number, text)
        .run()
      return new Response(text, { status: 201 })
    }
    const { results } = await env.DB.prepare('SELECT number, text, writes FROM cells ORDER BY number LIMIT 50').all()
    return Response.json(results)
  },
}
