// Short names of everything that a state is made of. Two things of one name are the same to every rule: who voted in a QC is left out,
// for all that a rule asks of one is its place, its block and what its votes rely on.

import type { Content } from '#protocol/agreement/round.ts'
import type { Cert, Qc1 } from '#protocol/message/certificate.ts'
import type { Start } from '#protocol/message/epoch.ts'
import type { Close } from '#protocol/message/statement.ts'
import type { WireMessage } from '#protocol/message/wire.ts'
import { brief } from '#test/simulator/chronicle.ts'

const names = new Map<number, string>()

/** Of a hash: numbers in the order of appearance. */
export function hashName(bytes: Uint8Array): string {
  const key = brief(bytes)
  const known = names.get(key)
  if (known !== undefined) return known
  const name = `b${names.size.toString(36)}`
  names.set(key, name)
  return name
}

function remembered<T extends object>(make: (value: T) => string): (value: T) => string {
  const known = new WeakMap<T, string>()
  return (value) => {
    let name = known.get(value)
    if (name === undefined) {
      name = make(value)
      known.set(value, name)
    }
    return name
  }
}

export const qc1Name = remembered<Qc1>(({ epoch, height, view, block_hash, votes }) => {
  const relied = votes.map(([, jview]) => jview ?? '-').sort()
  return `q${epoch}.${height}.${view}${hashName(block_hash)}(${relied.join('')})`
})

/** A certificate commits its block whatever view it is of; its epoch and view are what CLOSE names. */
export const certName = remembered<Cert>(({ qc1 }) => `c${qc1Name(qc1)}`)

export const qc1sName = (qc1s: readonly Qc1[]): string => qc1s.map(qc1Name).join('')

const closeNames = new WeakMap<Close, string>()
export function closeName(close: Close): string {
  const known = closeNames.get(close)
  if (known !== undefined) return known
  const named = (place: Close['high_cert']) =>
    place === null ? '-' : `${place.epoch}.${place.height}.${place.view}${hashName(place.block_hash)}`
  const last = (place: Close['last_vote1']) => (place === null ? '-' : `${place.height}.${place.view}`)
  const { epoch, high_cert, high_qc1, last_vote1, last_vote2 } = close
  const name = `C${epoch}/${named(high_cert)}/${named(high_qc1)}/${last(last_vote1)}/${last(last_vote2)}`
  closeNames.set(close, name)
  return name
}

export const startName = remembered<Start>(({ epoch, cert, reconfig, qc1s }) => {
  const from = cert === null ? 'g' : hashName(cert.qc1.block_hash)
  return `S${epoch}${reconfig === null ? 'c' : 'r'}${from}${qc1sName(qc1s)}`
})

export const contentName = ({ hash }: Pick<Content, 'hash'>): string => hashName(hash)

/** Of what is explored on the wire; undefined: it is derived from those, or only help. */
export const messageName = remembered<WireMessage>((message) => {
  switch (message.type) {
    case 'propose': {
      const { epoch, height, view, block_hash } = message.propose.body
      const start = message.start === null ? '' : startName(message.start)
      const tc = message.tc === null ? '' : 't'
      return `P${epoch}.${height}.${view}${hashName(block_hash)}${tc}${qc1sName(message.qc1s)}${start}`
    }
    case 'vote1': {
      const { epoch, height, view, block_hash, jview } = message.vote.body
      return `V${epoch}.${height}.${view}${hashName(block_hash)}j${jview ?? '-'}${qc1sName(message.qc1s)}`
    }
    case 'vote2': {
      const { epoch, height, view, block_hash } = message.vote.body
      return `W${epoch}.${height}.${view}${hashName(block_hash)}`
    }
    case 'timeout': {
      const { epoch, height, view, high } = message.timeout.body
      const lock = high === null ? '-' : `${high.view}${hashName(high.block_hash)}`
      return `T${epoch}.${height}.${view}h${lock}${qc1sName(message.qc1s)}`
    }
    case 'close':
      return `${closeName(message.close.body)}${message.cert === null ? '' : certName(message.cert)}${qc1sName(message.qc1s)}`
    case 'ready': {
      const { epoch, height, state_root } = message.ready.body
      return `R${epoch}.${height}${hashName(state_root)}`
    }
    default:
      return ''
  }
})
