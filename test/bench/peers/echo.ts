// Answers each message of a WebSocket by others that begin with the same four bytes: the far end of a tunnel with nothing of ours on it.
//
//   id (u32) │ count (u32) │ bytes each (u32) │ …   ──>   id │ …   so many times

import { WebSocket } from 'ws'
import { answering, argument } from './answer.ts'

const FIELD_BYTES = 4

const { url } = argument<{ readonly url: string }>()
const socket = new WebSocket(url, { perMessageDeflate: false })
socket.on('open', () => answering({}, () => ({})))
socket.on('message', (asked: Buffer) => {
  const count = asked.readUInt32BE(FIELD_BYTES)
  const answer = Buffer.alloc(asked.readUInt32BE(2 * FIELD_BYTES))
  asked.copy(answer, 0, 0, FIELD_BYTES)
  for (let sent = 0; sent < count; sent++) socket.send(answer)
})
