// A chat by WebSocket, as a script here has one: events for who listens, a write for who says something. A page whose socket ended before its
// message was acknowledged does not know whether it was taken: it says it again under the same id, and the line stands there once.

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Chat</title><ol></ol><script>
const list = document.querySelector('ol')
const unsure = new Map()
let last = 0
let socket
self.ends = []
function open() {
  socket = new WebSocket(location.origin.replace('http', 'ws') + '/talk?after=' + last)
  socket.onopen = () => unsure.forEach((message) => socket.send(message))
  socket.onmessage = ({ data }) => {
    const { took, number, text } = JSON.parse(data)
    if (took) return unsure.delete(took)
    last = number
    list.append(Object.assign(document.createElement('li'), { value: number, textContent: text }))
  }
  socket.onclose = ({ code }) => {
    ends.push(code)
    setTimeout(open, 300)
  }
}
open()
self.say = (text) => {
  const id = crypto.randomUUID()
  const message = JSON.stringify({ id, text })
  unsure.set(id, message)
  if (socket.readyState === WebSocket.OPEN) socket.send(message)
}
self.unsure = unsure
</script></html>`

export default {
  async fetch(request, env) {
    const url = new URL(request.url)
    if (url.pathname === '/talk' && request.method === 'POST') {
      const { id, text } = await request.json()
      await env.DB.batch([
        env.DB.prepare('INSERT INTO runs (id) VALUES (?)').bind(id),
        env.DB.prepare('INSERT INTO lines (id, text) VALUES (?, ?) ON CONFLICT (id) DO NOTHING').bind(id, text),
      ])
      return Response.json({ took: id })
    }
    if (url.pathname === '/talk') {
      const after = Number(request.headers.get('last-event-id') ?? url.searchParams.get('after') ?? 0)
      const sql = 'SELECT number, text FROM lines WHERE number > ? ORDER BY number LIMIT 100'
      const { results } = await env.DB.prepare(sql).bind(after).all()
      const events = results.map((line) => `id: ${line.number}\ndata: ${JSON.stringify(line)}\n\n`)
      return new Response(events.join(''), { headers: { 'content-type': 'text/event-stream' } })
    }
    if (url.pathname === '/runs') {
      const sql = 'SELECT text, count(*) AS runs FROM runs JOIN lines USING (id) GROUP BY id ORDER BY lines.number'
      return Response.json((await env.DB.prepare(sql).all()).results)
    }
    if (url.pathname === '/') return new Response(PAGE, { headers: { 'content-type': 'text/html; charset=utf-8' } })
    return new Response('nothing here', { status: 404 })
  },
}
