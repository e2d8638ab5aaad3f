// GET /bootstrap: some peers, the time and the newest network file's version and hash, under the gateway's own key (§5.5).

import type { AsyncSigner, Gateway, HeldNetwork } from '#gateway/gateway.ts'
import type { GatewayError } from '#gateway/http/errors.ts'
import { BOOTSTRAP_KEPT_MS, BOOTSTRAP_TURN_MS } from '#gateway/settings.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import {
  BOOTSTRAP_PEERS_MAX,
  type Bootstrap,
  bootstrapHash,
  bootstrapWithSignature,
  type UnsignedBootstrap,
} from '#protocol/directory/bootstrap.ts'
import type { NetworkPeer } from '#protocol/directory/network-file.ts'
import { type PeerName, peerName } from '#protocol/identity/keys.ts'

type Kept = { readonly version: number; readonly until: number; readonly bootstrap: Bootstrap }
const keptByGateway = new WeakMap<Gateway, Kept>()

/** Living peers first, then the others; whose turn it is moves with the time, so that no peer is everybody's first. */
function somePeers(gateway: Gateway, network: HeldNetwork, now: number): readonly NetworkPeer[] {
  const { peers } = network.file
  const start = peers.length === 0 ? 0 : Math.floor(now / BOOTSTRAP_TURN_MS) % peers.length
  const turned = [...peers.slice(start), ...peers.slice(0, start)]
  const isLiving = (peer: NetworkPeer): boolean =>
    (gateway.locations.registration(peer.peer as PeerName)?.freshUntil ?? 0) > now
  return [...turned.filter(isLiving), ...turned.filter((peer) => !isLiving(peer))].slice(0, BOOTSTRAP_PEERS_MAX)
}

async function sign(gateway: Gateway, network: HeldNetwork, signer: AsyncSigner, now: number): Promise<Bootstrap> {
  const { file } = network
  const unsigned: UnsignedBootstrap = {
    format: 'interpeer-bootstrap/1',
    gateway: gateway.config.publicUrl,
    gateway_key: peerName(signer.publicKey),
    time: now,
    network: {
      chain_id: file.chain_id,
      generation: file.generation,
      network_key: file.network_key,
      version: file.version,
      hash: network.hash,
    },
    peers: somePeers(gateway, network, now).map(({ peer, addresses, http }) => ({ peer, addresses, http })),
  }
  return bootstrapWithSignature(unsigned, await signer.sign(bootstrapHash(unsigned)))
}

export async function bootstrapOf(gateway: Gateway): Promise<Result<Bootstrap, GatewayError>> {
  const { network, ports } = gateway
  if (network === undefined) return err({ code: 'no_network' })
  const now = ports.now()
  const kept = keptByGateway.get(gateway)
  if (kept !== undefined && kept.until > now && kept.version === network.file.version) return ok(kept.bootstrap)
  const signer = await ports.signer()
  if (signer === undefined) return err({ code: 'no_gateway_key' })
  const bootstrap = await sign(gateway, network, signer, now)
  keptByGateway.set(gateway, { version: network.file.version, until: now + BOOTSTRAP_KEPT_MS, bootstrap })
  return ok(bootstrap)
}
