// Four real seeders in this process, with a network of their own: the signed network file, its key and the admission endpoint lie in one
// directory, and nothing but loopback is used.
//
//   DIR/network.json, network.pem   the network       DIR/uploader.pem   who publishes
//   DIR/replica-1/ … replica-4/     data directories  DIR/log            what the seeders say of themselves

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Admission } from '#cli/admission/server.ts'
import { failed } from '#cli/failure.ts'
import { assertFree, holdDirectory } from '#cli/up/hold.ts'
import { startAdmissionAt } from '#cli/up/local-network.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Signer } from '#protocol/identity/keys.ts'
import type { Seeder } from '#seeder/assembly.ts'
import type { ByzantineKind } from '#seeder/byzantine/kinds.ts'
import { createLog, fileSink } from '#seeder/config/log.ts'
import { runtimeImage } from '#seeder/execute/pool/runtime.ts'
import { loadOrCreateSigner } from '#seeder/identity/keys.ts'
import { startSeeder } from '#seeder/start.ts'

export const REPLICAS = 4
const KNOWN_MS = 15_000
const POLL_MS = 20

export type ReplicasOptions = {
  readonly directory: string
  /** HTTP port of the first replica; 0: the one it had, else any. */
  readonly port: number
  /** How the last replica misbehaves. */
  readonly byzantine?: ByzantineKind
  readonly signal: AbortSignal
}

export type Replicas = AsyncDisposable & {
  readonly all: readonly Seeder[]
  readonly admission: Admission
  readonly networkPath: string
  readonly uploader: Signer
}

/** Throws a `Failure` when the directory is in use, the port is taken, or the four do not find into the network file in time. */
export async function startReplicas(options: ReplicasOptions): Promise<Replicas> {
  const { directory, byzantine, signal } = options
  mkdirSync(directory, { recursive: true })
  keepOutOfGit(directory)
  await using stack = new AsyncDisposableStack()
  stack.use(
    holdDirectory(directory, "Another 'interpeer dev' runs here: end it, or name another directory with --dir."),
  )
  await assertFree(options.port)
  const networkPath = join(directory, 'network.json')
  const signer = loadOrCreateSigner(join(directory, 'network.pem'))
  const admission = stack.use(await startAdmissionAt(networkPath, signer, 0, hexFromBytes(runtimeImage())))
  const sink = fileSink(join(directory, 'log'))
  const all: Seeder[] = []
  // All at once: each lets its visitors' requests end first.
  stack.defer(async () => {
    await Promise.all(all.map((seeder) => seeder.stop()))
  })
  for (let number = 1; number <= REPLICAS; number++) {
    if (signal.aborted) throw failed('interrupted', 'interrupted')
    const seeder = await startSeeder({
      directory: join(directory, `replica-${number}`),
      networkFile: networkPath,
      label: `s${number}`,
      target: 'hosts',
      ...(number === 1 ? { httpPort: options.port } : {}),
      ...(number === REPLICAS && byzantine !== undefined ? { byzantine } : {}),
      log: createLog({ level: 'info', form: 'json', sink, always: { replica: number } }),
    })
    all.push(seeder)
  }
  const end = performance.now() + KNOWN_MS
  const isKnown = (seeder: Seeder): boolean =>
    admission.file().peers.some((peer) => peer.peer === seeder.peer && peer.http === seeder.http)
  while (!all.every(isKnown)) {
    if (signal.aborted) throw failed('interrupted', 'interrupted')
    if (performance.now() > end)
      throw failed('not_ready', 'the replicas did not find each other in time', `${join(directory, 'log')} says more.`)
    await pause(POLL_MS)
  }
  const uploader = loadOrCreateSigner(join(directory, 'uploader.pem'))
  const held = stack.move()
  return { all, admission, networkPath, uploader, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** Keys lie here: they must not be committed with the site. */
function keepOutOfGit(directory: string): void {
  const ignore = join(dirname(directory), '.gitignore')
  if (dirname(directory).endsWith('.interpeer') && !existsSync(ignore)) writeFileSync(ignore, '*\n')
}
