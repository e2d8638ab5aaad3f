// Messages and effects as one short line each, for people who read a trace.

import type { Effect } from '#protocol/agreement/port.ts'
import { unreachable } from '#protocol/codec/result.ts'
import type { WireMessage } from '#protocol/message/wire.ts'
import { short } from './chronicle.ts'

const place = (body: { epoch: number; height: number; view: number }) => `e${body.epoch} h${body.height} v${body.view}`

export function lineOfMessage(message: WireMessage): string {
  switch (message.type) {
    case 'request':
      return `REQUEST ${message.request.target} body ${short(message.request.body_hash)}${message.body === null ? ' not here' : ''}`
    case 'propose': {
      const { body } = message.propose
      const qc1s = message.qc1s.map((qc1) => `${short(qc1.block_hash)}@${qc1.view}`).join(' ')
      return `PROPOSE ${place(body)} ${short(body.block_hash)} (${message.block.kind}: ${message.requests.map((request) => request.target).join(' ')}${message.tc === null ? '' : ', tc'}) [${qc1s}]`
    }
    case 'vote1': {
      const { body } = message.vote
      return `VOTE1 ${place(body)} ${short(body.block_hash)} j${body.jview ?? '-'}`
    }
    case 'vote2':
      return `VOTE2 ${place(message.vote.body)} ${short(message.vote.body.block_hash)}`
    case 'nay':
      return `NAY ${place(message.nay.body)} ${short(message.nay.body.block_hash)}`
    case 'qc1': {
      const qc1s = message.qc1s.map((qc1) => `h${qc1.height} ${short(qc1.block_hash)}@${qc1.view}`).join(' ')
      return `QC1 [${qc1s}]${message.content === null ? '' : ' with content'}`
    }
    case 'cert':
      return `CERT h${message.cert.block.height} v${message.cert.qc1.view} ${short(message.cert.qc1.block_hash)}`
    case 'timeout': {
      const { body } = message.timeout
      const high = body.high === null ? '-' : `${short(body.high.block_hash)}@${body.high.view}`
      return `TIMEOUT ${place(body)} high ${high}`
    }
    case 'tc':
      return `TC v${message.timeouts[0]?.body.view ?? '?'} by ${message.timeouts.length}`
    case 'ready':
      return `READY e${message.ready.body.epoch} h${message.ready.body.height}`
    case 'close': {
      const { body } = message.close
      const cert = body.high_cert === null ? '-' : `h${body.high_cert.height}`
      const qc1 =
        body.high_qc1 === null
          ? '-'
          : `${short(body.high_qc1.block_hash)}@e${body.high_qc1.epoch}/${body.high_qc1.view}`
      return `CLOSE e${body.epoch} cert ${cert} qc1 ${qc1}`
    }
    case 'start': {
      const { epoch, cert, reconfig, closes, qc1s } = message.start
      const last = qc1s.at(-1)
      const by = reconfig === null ? `${closes.length} closes` : 'RECONFIG'
      return `START e${epoch} h${cert?.block.height ?? 0} by ${by} inherits ${short(last?.block_hash)}`
    }
    case 'status':
      return `STATUS e${message.epoch} h${message.height} v${message.view} first ${message.first} snapshot ${message.snapshot ?? '-'}${message.disputed ? ' disputed' : ''}${message.ask ? ' ask' : ''}`
    default:
      return unreachable(message)
  }
}

/** Undefined for effects that are told elsewhere or say nothing. */
export function lineOfEffect(effect: Effect): string | undefined {
  switch (effect.type) {
    case 'persist':
      return `persist ${effect.record.length} bytes, bodies [${effect.bodies.map(short).join(' ')}]`
    case 'execute':
      return `execute #${effect.ticket} h${effect.context.height} time ${effect.context.time} (${effect.context.kind}, bodies [${effect.context.requests.map((request) => short(request.body_hash)).join(' ')}])`
    case 'commit':
      return `COMMIT h${effect.cert.block.height} v${effect.cert.qc1.view} ${short(effect.cert.qc1.block_hash)}${effect.snapshot ? ' snapshot' : ''}`
    case 'reply':
      return `reply ${short(effect.requestHash)} h${effect.height} #${effect.index}`
    case 'refuse':
      return `refuse ${short(effect.requestHash)} ${effect.code}`
    case 'evidence':
      return `EVIDENCE ${effect.evidence.kind}`
    case 'keepBody':
      return `keep body ${short(effect.hash)}`
    case 'dropBodies':
      return `drop bodies ${effect.hashes.map(short).join(' ')}`
    case 'epoch':
      return `EPOCH ${effect.group.epoch} at h${effect.height}`
    case 'fetchBodies':
      return `fetch bodies ${effect.hashes.map(short).join(' ')} from ${effect.from}`
    case 'fetchBlocks':
      return `fetch blocks from height ${effect.fromHeight} from ${effect.from}`
    case 'fetchState':
      return `fetch state ${effect.height} from ${effect.from}`
    default:
      return undefined
  }
}
