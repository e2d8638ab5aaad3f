// Taking a network file, whoever carries it: it counts for the network key's signature and its version alone.

import type { Gateway, HeldNetwork } from '#gateway/gateway.ts'
import type { GatewayError } from '#gateway/http/errors.ts'
import { CLOCK_SKEW_MS_MAX } from '#gateway/settings.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { anchorOf, domainOf, type NetworkFile, readNetworkFile } from '#protocol/directory/network-file.ts'
import type { PeerName } from '#protocol/identity/keys.ts'

/** Verifies `text` under the pinned key and the chain of the file before; nothing is changed. */
async function verified(gateway: Gateway, text: string): Promise<Result<HeldNetwork, GatewayError>> {
  const present = gateway.network
  const read = readNetworkFile(text, present === undefined ? undefined : anchorOf(present.file))
  if (!read.ok) {
    const { error } = read
    if (error.code === 'wrong_network_key' || error.code === 'wrong_chain') return err({ code: 'wrong_network' })
    if (error.code === 'shape') return err({ code: 'malformed', detail: `${error.path} should be ${error.expected}` })
    return err({ code: 'malformed', detail: error.code })
  }
  const { file, key, message, signature } = read.value
  if (file.network_key !== gateway.config.networkKey) return err({ code: 'wrong_network' })
  if (present !== undefined && file.version <= present.file.version)
    return err({ code: 'old_network', version: present.file.version })
  if (!(await gateway.ports.verify(key, message, signature))) return err({ code: 'bad_signature' })
  return ok({ file, text: asciiJson(file), hash: hexFromBytes(message), domain: domainOf(file) })
}

/** One text for one file: JSON whose characters are all ASCII, so that it can be cut anywhere and counted in bytes. */
function asciiJson(file: NetworkFile): string {
  return JSON.stringify(file).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function hold(gateway: Gateway, held: HeldNetwork): void {
  // Another request may have brought a higher one while this one was verified.
  if (gateway.network !== undefined && gateway.network.file.version >= held.file.version) return
  gateway.network = held
  gateway.locations.setNetwork(held.file)
  gateway.copies.retain((job) => gateway.locations.jobById(job) !== undefined)
  forgetStrangers(gateway)
}

/** What is kept of a peer's times goes when it is in no group and nothing of then could be sent again. */
function forgetStrangers(gateway: Gateway): void {
  const { locations, lastTime, marks, ports } = gateway
  const before = ports.now() - 2 * CLOCK_SKEW_MS_MAX
  const isStranger = (peer: PeerName, time: number): boolean => locations.jobsOf(peer).length === 0 && time < before
  for (const [peer, time] of lastTime) if (isStranger(peer, time)) lastTime.delete(peer)
  for (const [peer, mark] of marks) if (isStranger(peer, mark.time)) marks.delete(peer)
}

/** `PUT /network`: durable, then believed. */
export async function carryNetwork(gateway: Gateway, text: string): Promise<Result<HeldNetwork, GatewayError>> {
  const checked = await verified(gateway, text)
  if (!checked.ok) return checked
  const held = checked.value
  try {
    await gateway.ports.store.saveNetwork(held.file.version, held.text)
  } catch (cause) {
    gateway.ports.log('warn', 'store_failed', { what: 'network', cause: String(cause) })
    return err({ code: 'store_unavailable' })
  }
  hold(gateway, held)
  gateway.ports.log('info', 'network_taken', { version: held.file.version, jobs: held.file.jobs.length })
  return ok(held)
}

/** A file that another isolate wrote; it is verified like any other. */
export async function takeStoredNetwork(gateway: Gateway, version: number): Promise<void> {
  const text = await gateway.ports.store.network(version)
  if (text === undefined) return
  const checked = await verified(gateway, text)
  if (checked.ok) hold(gateway, checked.value)
  else if (checked.error.code !== 'old_network')
    gateway.ports.log('warn', 'stored_network_refused', { version, code: checked.error.code })
}
