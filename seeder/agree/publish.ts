// Publishing (§5): a bundle's blocks come first and wait under a name of their own; then its UPDATE, signed by the uploader, is
// ordered like any write. Members that lack the blocks fetch them by CID before they execute it.
//
//   CAR + Signed<Update> ──> takeBundle ──> store, under `bundle/<code root>`
//   Signed<Update> ──> takeUpdate ──> REQUEST of method UPDATE ──> agreement ──> code, migrations and data switch at one height

import { randomBytes } from 'node:crypto'
import type { Digest } from '#protocol/codec/digest.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import type { Cid } from '#protocol/content/cid.ts'
import type { Signed } from '#protocol/message/domain.ts'
import { SALT_BYTES } from '#protocol/message/request.ts'
import type { Update } from '#protocol/message/statement.ts'
import { BUNDLE_BYTES_MAX, BUNDLES_WAITING_MAX } from '#seeder/agree/bundles.ts'
import { bundleLabel } from '#seeder/agree/restore.ts'
import { UPDATE_METHOD, UPDATE_TARGET, updateToBytes } from '#seeder/agree/update.ts'
import { type BundleRefusal, bundleRefusal } from '#seeder/execute/host/bundle.ts'
import type { Committed, HostedSite, Refusal } from '#seeder/serve/port.ts'
import { requestOf } from '#seeder/serve/writes.ts'
import type { CarError, Store } from '#seeder/store/port.ts'

/** Since its uploader last said anything of it. */
export const BUNDLE_WAIT_MS = 15 * 60_000

export type BundleError = CarError | BundleRefusal | { readonly code: 'store_failed'; readonly detail: string }

export type Publisher = Disposable & {
  /** `update` is verified. Resolves when the whole bundle is stored; once more the same is no error. */
  takeBundle(
    site: HostedSite,
    update: Signed<Update>,
    car: AsyncIterable<Uint8Array>,
  ): Promise<Result<{ readonly blocks: number; readonly bytes: number }, BundleError>>
  /** The uploader waits for this bundle, here or at other members: it is kept a while longer. */
  keepBundle(site: HostedSite, update: Signed<Update>): void
  /** `update` is verified; a bundle that another member took is fetched from it. Resolves when it is certified here, or refused. */
  takeUpdate(
    site: HostedSite,
    update: Signed<Update>,
    fetchBundle: (codeRoot: Cid) => Promise<boolean>,
  ): Promise<Result<Committed, Refusal | { readonly code: 'bundle_missing' }>>
}

/** `now` is for waits and never set; `wall` (absent: the same) is the time that requests are of. */
export function createPublisher(store: Store, now: () => number, wall: () => number = now): Publisher {
  /** When each waiting bundle came; what an earlier run of the program left counts from now. */
  const came = new Map<string, { readonly job: Digest; readonly label: string; readonly time: number }>()
  const keyOf = (job: Digest, label: string): string => `${Buffer.from(job).toString('hex')} ${label}`

  const touch = (job: Digest, codeRoot: Cid): void => {
    const label = bundleLabel(codeRoot)
    if (store.blocks.roots(job).has(label)) came.set(keyOf(job, label), { job, label, time: now() })
  }

  /** A large upload may take longer than a bundle waits. */
  async function* renewed(car: AsyncIterable<Uint8Array>, job: Digest, codeRoot: Cid): AsyncGenerator<Uint8Array> {
    let touched = now()
    for await (const piece of car) {
      if (now() - touched > BUNDLE_WAIT_MS / 15) {
        touch(job, codeRoot)
        touched = now()
      }
      yield piece
    }
  }

  const sweep = (): void => {
    for (const job of store.jobs()) {
      const labels = [...store.blocks.roots(job).keys()].filter((label) => BUNDLE_LABEL.test(label))
      for (const label of labels) {
        const key = keyOf(job, label)
        if (!came.has(key)) came.set(key, { job, label, time: now() })
      }
    }
    for (const [key, { job, label, time }] of came) {
      if (now() - time < BUNDLE_WAIT_MS) continue
      store.blocks.releaseRoot(job, label)
      came.delete(key)
    }
  }
  const timer = setInterval(() => {
    try {
      sweep()
    } catch {
      // The disk is unwell; the next turn tries again.
    }
  }, BUNDLE_WAIT_MS / 15)
  timer.unref()

  return {
    async takeBundle(site, update, car) {
      const root = update.body.code_root
      const label = bundleLabel(root)
      const waiting = [...came.entries()].filter(([, entry]) => Buffer.compare(entry.job, site.job) === 0)
      const oldest = waiting.sort((a, b) => a[1].time - b[1].time)[0]
      if (waiting.length >= BUNDLES_WAITING_MAX && oldest !== undefined && oldest[1].label !== label) {
        store.blocks.releaseRoot(site.job, oldest[1].label)
        came.delete(oldest[0])
      }
      const key = keyOf(site.job, label)
      came.set(key, { job: site.job, label, time: now() })
      try {
        const taken = await store.importCar(site.job, label, root, renewed(car, site.job, root), BUNDLE_BYTES_MAX)
        const refusal = taken.ok ? bundleRefusal(store.blocks.get, root) : undefined
        if (refusal !== undefined) store.blocks.releaseRoot(site.job, label)
        if (!taken.ok || refusal !== undefined) came.delete(key)
        return refusal === undefined ? taken : err(refusal)
      } catch (cause) {
        came.delete(key)
        return err({ code: 'store_failed', detail: cause instanceof Error ? cause.message : String(cause) })
      }
    },
    keepBundle(site, update) {
      touch(site.job, update.body.code_root)
    },
    async takeUpdate(site, update, fetchBundle) {
      touch(site.job, update.body.code_root)
      if (!(await fetchBundle(update.body.code_root))) return err({ code: 'bundle_missing' })
      const body = updateToBytes(update)
      const order = { method: UPDATE_METHOD, target: UPDATE_TARGET, headers: [] }
      const request = requestOf(site, order, body, { salt: randomBytes(SALT_BYTES), now: wall() })
      const outcome = await site.submit(request, body)
      return 'cert' in outcome ? ok(outcome) : err(outcome)
    },
    [Symbol.dispose]() {
      clearInterval(timer)
    },
  }
}

const BUNDLE_LABEL = /^bundle\/b[a-z2-7]+$/
