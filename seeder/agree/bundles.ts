// Bundles on their way: each is fetched once, whoever asks for it meanwhile waits for the same.
//
// Invariant: no more of a bundle is taken than an uploader may upload, whatever the other members send, and what is begun and never used
// is at most `BUNDLES_WAITING_MAX` bundles.

import type { Digest } from '#protocol/codec/digest.ts'
import { type Cid, textFromCid } from '#protocol/content/cid.ts'
import { LIMITS } from '#protocol/site/limits.ts'
import { bundleLabel } from '#seeder/agree/restore.ts'
import type { Transfer } from '#seeder/agree/transfer.ts'
import type { Store } from '#seeder/store/port.ts'

/** What a site may have, the data that it begins with included, and a sixteenth more for the tree above its files and the CAR. */
export const BUNDLE_BYTES_MAX = LIMITS.archiveBytes + LIMITS.archiveBytes / 16
/** Bundles of one job that wait for their UPDATE; a further one replaces the oldest. */
export const BUNDLES_WAITING_MAX = 4

type Fetching = Pick<Transfer, 'isWhole' | 'fetchTree'>
type Coming = { readonly whole: Promise<boolean>; bytes: number }

export class Bundles {
  readonly #job: Digest
  readonly #store: Pick<Store, 'blocks'>
  readonly #transfer: Fetching
  readonly #bytesMax: number
  /** By code root. */
  readonly #coming = new Map<string, Coming>()

  constructor(job: Digest, store: Pick<Store, 'blocks'>, transfer: Fetching, bytesMax = BUNDLE_BYTES_MAX) {
    this.#job = job
    this.#store = store
    this.#transfer = transfer
    this.#bytesMax = bytesMax
  }

  /** True when the code is in the store, whole: who took it from the uploader has it, the others get it by its CID. */
  fetch(codeRoot: Cid): Promise<boolean> {
    const key = textFromCid(codeRoot)
    const known = this.#coming.get(key)
    if (known !== undefined) return known.whole
    const coming: Coming = {
      whole: this.#fetch(codeRoot, (bytes) => {
        coming.bytes += bytes
        return coming.bytes <= this.#bytesMax
      }),
      bytes: 0,
    }
    this.#coming.set(key, coming)
    const end = (): void => void this.#coming.delete(key)
    coming.whole.then(end, end)
    return coming.whole
  }

  /** Bytes that came so far; undefined when it is not being fetched. */
  bytesOf(codeRoot: Cid): number | undefined {
    return this.#coming.get(textFromCid(codeRoot))?.bytes
  }

  /** One more may begin for somebody who asks for it: those under way go on. */
  get hasRoom(): boolean {
    return this.#coming.size < BUNDLES_WAITING_MAX
  }

  async #fetch(codeRoot: Cid, fits: (bytes: number) => boolean): Promise<boolean> {
    if (await this.#transfer.isWhole(codeRoot)) return true
    const label = bundleLabel(codeRoot)
    this.#store.blocks.addRoot(this.#job, label, codeRoot)
    let isTooLarge = false
    const whole = await this.#transfer.fetchTree(codeRoot, undefined, (bytes) => {
      isTooLarge = !fits(bytes)
      return !isTooLarge
    })
    if (isTooLarge) this.#store.blocks.releaseRoot(this.#job, label)
    return whole
  }
}
