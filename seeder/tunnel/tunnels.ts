// A tunnel to each gateway that keeps some, from when it says so until the network file names it no more.

import type { Signer } from '#protocol/identity/keys.ts'
import type { Domain } from '#protocol/message/domain.ts'
import type { Registry } from '#protocol/metrics/registry.ts'
import type { Log } from '#seeder/config/log.ts'
import type { Carry } from '#seeder/tunnel/bridge.ts'
import { type SeederTunnel, startTunnel } from '#seeder/tunnel/tunnel.ts'

export type TunnelsOptions = {
  readonly signer: Signer
  readonly domain: Domain
  readonly carry: Carry
  readonly gateways: () => readonly string[]
  readonly chance: () => number
  /** A tunnel opened or closed: the gateways are to be told. */
  readonly onChange: () => void
  readonly registry: Registry
  readonly log: Log
}

export type Tunnels = AsyncDisposable & {
  /** The gateway said whether it keeps tunnels. */
  offered(gateway: string, keeps: boolean): void
  isOpen(gateway: string): boolean
}

export function keepTunnels(options: TunnelsOptions): Tunnels {
  const { signer, domain, carry, chance, onChange, registry, log } = options
  const byGateway = new Map<string, SeederTunnel>()
  let stopped = false

  const drop = (gateway: string): void => {
    const tunnel = byGateway.get(gateway)
    byGateway.delete(gateway)
    void tunnel?.[Symbol.asyncDispose]()
  }

  registry.observed('interpeer_tunnels_open', 'Tunnels to gateways.', [], () => [
    { labels: [], value: [...byGateway.values()].filter(({ isOpen }) => isOpen).length },
  ])
  registry.observed('interpeer_tunnel_requests_under_way', 'Requests that came through tunnels.', [], () => [
    { labels: [], value: [...byGateway.values()].reduce((sum, { underWay }) => sum + underWay, 0) },
  ])

  return {
    offered(gateway, keeps) {
      for (const known of byGateway.keys()) if (!options.gateways().includes(known)) drop(known)
      if (!keeps || stopped) drop(gateway)
      else if (!byGateway.has(gateway)) {
        const note = (event: string, facts: Readonly<Record<string, unknown>>): void => log.info(event, facts)
        byGateway.set(gateway, startTunnel({ gateway, signer, domain, carry, chance, onChange, note }))
      }
    },
    isOpen: (gateway) => byGateway.get(gateway)?.isOpen === true,
    async [Symbol.asyncDispose]() {
      stopped = true
      const tunnels = [...byGateway.values()]
      byGateway.clear()
      await Promise.all(tunnels.map((tunnel) => tunnel[Symbol.asyncDispose]()))
    },
  }
}
