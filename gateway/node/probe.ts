// An origin of a member tried from Node. In a network of the whole world no name leads this gateway to an address of its own machine or its own
// network: a member names the origin, and what answers there is for nobody but its neighbours.

import { lookup as systemLookup } from 'node:dns'
import { Agent, get } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { PROBE_MS } from '#gateway/locate/fetch-probe.ts'
import { type Probe, REACH_BYTES_MAX } from '#gateway/locate/reach.ts'
import { addressFromText, isGlobal } from '#protocol/dns/address.ts'

export type ProbeOptions = {
  /** Of the profile `local`, whose members are on this machine. */
  readonly isLocal: () => boolean
  /** PEM; absent: those that Node trusts. */
  readonly authorities?: readonly string[]
}

/** Connections stay for the second question. */
const KEPT_MS = 1_000

function isPublic(address: string): boolean {
  const bytes = addressFromText(address)
  return bytes !== undefined && isGlobal(bytes)
}

export function createProbe({ isLocal, authorities }: ProbeOptions): Disposable & { readonly probe: Probe } {
  const agent = new Agent({ keepAlive: true, timeout: PROBE_MS, keepAliveMsecs: KEPT_MS, maxFreeSockets: 16 })

  const lookup: LookupFunction = (hostname, options, callback) => {
    if (isLocal() && hostname.endsWith('.localhost')) {
      // RFC 6761 §6.3.
      if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
      else callback(null, '127.0.0.1', 4)
      return
    }
    systemLookup(hostname, { all: true }, (error, found) => {
      const addresses = error !== null ? [] : isLocal() ? found : found.filter(({ address }) => isPublic(address))
      const [first] = addresses
      if (first === undefined) callback(error ?? new Error(`${hostname} leads to no public address`), '', 4)
      else if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }

  return {
    probe(url) {
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
      const { hostname } = new URL(url)
      if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) return Promise.reject(new Error('it is no name'))
      const request = get(url, {
        agent,
        lookup,
        signal: AbortSignal.timeout(PROBE_MS),
        ...(authorities === undefined ? {} : { ca: [...authorities] }),
      })
      request.on('error', reject)
      request.on('response', (answer) => {
        const chunks: Buffer[] = []
        let length = 0
        answer.on('error', reject)
        answer.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          length += chunk.length
          if (length > REACH_BYTES_MAX) answer.destroy(new Error('its answer is too long'))
        })
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve(Buffer.concat(chunks))
          else reject(new Error(`it answers ${answer.statusCode}`))
        })
      })
      return promise
    },
    [Symbol.dispose]: () => agent.destroy(),
  }
}
