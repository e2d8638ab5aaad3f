// Bundles on their way: each is fetched once, whoever asks for it meanwhile waits for the same.

import type { Digest } from '#protocol/codec/digest.ts'
import { type Cid, textFromCid } from '#protocol/content/cid.ts'
import { bundleLabel } from '#seeder/agree/restore.ts'
import type { Transfer } from '#seeder/agree/transfer.ts'
import type { Store } from '#seeder/store/port.ts'

type Coming = { readonly whole: Promise<boolean>; bytes: number }

export class Bundles {
  readonly #job: Digest
  readonly #store: Store
  readonly #transfer: Transfer
  /** By code root. */
  readonly #coming = new Map<string, Coming>()

  constructor(job: Digest, store: Store, transfer: Transfer) {
    this.#job = job
    this.#store = store
    this.#transfer = transfer
  }

  /** True when the code is in the store, whole: who took it from the uploader has it, the others get it by its CID. */
  fetch(codeRoot: Cid): Promise<boolean> {
    const key = textFromCid(codeRoot)
    const known = this.#coming.get(key)
    if (known !== undefined) return known.whole
    const coming: Coming = {
      whole: this.#fetch(codeRoot, (bytes) => {
        coming.bytes += bytes
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

  async #fetch(codeRoot: Cid, onBytes: (bytes: number) => void): Promise<boolean> {
    if (await this.#transfer.isWhole(codeRoot)) return true
    this.#store.blocks.addRoot(this.#job, bundleLabel(codeRoot), codeRoot)
    return this.#transfer.fetchTree(codeRoot, undefined, onBytes)
  }
}
