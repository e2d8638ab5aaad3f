// Both ends of a tunnel joined in memory, with turns of the event loop between them.

import { TunnelConnection } from '#gateway/tunnel/connection.ts'
import { assert } from '#protocol/codec/result.ts'
import { type Carry, TunnelBridge } from '#seeder/tunnel/bridge.ts'

export type JoinedTunnel = {
  readonly gateway: TunnelConnection
  readonly seeder: TunnelBridge
  cut(): void
  /** Why the gateway's end was closed. */
  readonly closed: string[]
}

export function joinTunnel(carry: Carry): JoinedTunnel {
  const closed: string[] = []
  let isCut = false
  const toSeeder = (message: Uint8Array): void => {
    setImmediate(() => {
      if (!isCut) assert(seeder.receive(message).ok, 'the gateway keeps the rules')
    })
  }
  const gateway: TunnelConnection = new TunnelConnection(
    { send: toSeeder, close: (_, reason) => closed.push(reason) },
    { anew: false },
  )
  const toGateway = (message: Uint8Array): void => {
    setImmediate(() => {
      if (!isCut) gateway.receive(message)
    })
  }
  const seeder: TunnelBridge = new TunnelBridge({ send: toGateway, hasRoom: () => true }, carry)
  const cut = (): void => {
    isCut = true
    gateway.closed()
    seeder.close()
  }
  return { gateway, seeder, cut, closed }
}
