// Load by hand: as many keep-alive connections, one request on the way on each, answers counted and not looked at.
// Costs the driving process little, so that what is measured is the server.

import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'

const HEADER_END = Buffer.from('\r\n\r\n')
/** Linux counts CPU time in ticks of 10 ms (`getconf CLK_TCK` is 100 on every platform that Node runs on). */
const TICK_MS = 10

/** User and system time of a process and its threads so far, ms. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const [, , ...rest] = fields.slice(fields.lastIndexOf(')')).split(' ')
  return (Number(rest[10]) + Number(rest[11])) * TICK_MS
}

/** Sends `count` requests over `connections` and waits for as many bodiless answers of `status`. Requests a second. */
export async function drive(
  target: { readonly host: string; readonly port: number },
  status: number,
  request: (index: number) => string,
  count: number,
  connections: number,
): Promise<number> {
  let sent = 0
  let answered = 0
  const began = performance.now()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const sockets: Socket[] = []
  const next = (socket: Socket): void => {
    if (sent < count) socket.write(request(sent++))
  }
  for (let index = 0; index < connections; index++) {
    const socket = connect(target.port, target.host)
    socket.setNoDelay(true)
    socket.on('error', reject)
    socket.on('connect', () => next(socket))
    socket.on('data', (chunk: Buffer) => {
      if (chunk.toString('latin1', 9, 12) !== String(status))
        reject(new Error(`not ${status}: ${chunk.toString('latin1')}`))
      for (let at = chunk.indexOf(HEADER_END); at !== -1; at = chunk.indexOf(HEADER_END, at + 4)) {
        answered++
        next(socket)
      }
      if (answered === count) resolve()
    })
    socket.on('close', () => reject(new Error(`a connection ended after ${answered} of ${count} answers`)))
    sockets.push(socket)
  }
  await promise
  for (const socket of sockets) socket.removeAllListeners('close').destroy()
  return (1000 * count) / (performance.now() - began)
}
