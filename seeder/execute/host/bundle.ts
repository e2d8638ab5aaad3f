// Whether a bundle is what its manifest says: the seeder's file server, env.ASSETS and the browser's entity tags believe the
// manifest, so an update that lies there never becomes live. Work is bounded by `LIMITS.bundleBytes`.

import { createHash } from 'node:crypto'
import { err, type Result } from '#protocol/codec/result.ts'
import type { Cid } from '#protocol/content/cid.ts'
import { resolvePath } from '#protocol/content/directory.ts'
import { openFile, readRange } from '#protocol/content/file.ts'
import type { BlockSource } from '#protocol/content/port.ts'
import { LIMITS } from '#protocol/site/limits.ts'
import { type AssetEntry, type ManifestError, manifestFromText, type SiteManifest } from '#protocol/site/manifest.ts'
import { SCRIPT_FILE } from '#seeder/execute/engine/quickjs.ts'
import { ASSETS_PATH } from '#seeder/execute/host/assets.ts'
import type { StateFile } from '#seeder/execute/state/port.ts'

export const MANIFEST_FILE = 'app/site.json'

/** Keeps a BOM, which no manifest begins with. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** `app/site.json`. */
export function manifestFromBytes(bytes: Uint8Array): Result<SiteManifest, ManifestError> {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return err({ code: 'manifest_not_json' })
  }
  return manifestFromText(text)
}

export type BundleMismatch =
  /** `bytes`: what `app/script.js` has, 0 when there is none. */
  | { readonly code: 'bundle_script'; readonly bytes: number; readonly scriptBytes: number }
  /** The file is missing, or of another size or hash than the manifest says. */
  | { readonly code: 'bundle_asset'; readonly path: string }
  | { readonly code: 'bundle_size'; readonly bytes: number; readonly bytesMax: number }

export type BundleRefusal = { readonly code: 'manifest_missing' } | ManifestError | BundleMismatch

/** Why a bundle that was just uploaded can never become live, as far as its manifest and the sizes of its files show. */
export function bundleRefusal(source: BlockSource, codeRoot: Cid): BundleRefusal | undefined {
  const open: BundleFiles['open'] = (path) => {
    const cid = resolvePath(source, codeRoot, path.replace(/^app\//, ''))
    const file = cid.ok && cid.value !== undefined ? openFile(source, cid.value) : undefined
    if (!file?.ok) return undefined
    const { size } = file.value
    const read = (offset: number, into: Uint8Array): number => {
      const bytes = readRange(source, file.value.cid, offset, into.length)
      if (!bytes.ok) return 0
      into.set(bytes.value)
      return bytes.value.length
    }
    return { size, read }
  }
  const file = open(MANIFEST_FILE)
  if (file === undefined) return { code: 'manifest_missing' }
  const text = new Uint8Array(Math.min(file.size, LIMITS.manifestBytes + 1))
  const manifest = manifestFromBytes(text.subarray(0, file.read(0, text)))
  return manifest.ok ? bundleMismatch({ open }, manifest.value, { hashes: false }) : manifest.error
}

/** What is read of a file at a time. */
const PIECE_BYTES = 2 ** 20

/** Files of the bundle by their path in the state, `app/…`. */
export type BundleFiles = { open(path: string): Pick<StateFile, 'size' | 'read'> | undefined }

/** `hashes: false`: sizes alone, for a first look that reads no file. */
export function bundleMismatch(
  files: BundleFiles,
  manifest: SiteManifest,
  { hashes = true }: { hashes?: boolean } = {},
): BundleMismatch | undefined {
  const bytes = files.open(SCRIPT_FILE)?.size ?? 0
  const { scriptBytes, assets } = manifest
  if (bytes !== scriptBytes) return { code: 'bundle_script', bytes, scriptBytes }
  const entries = Object.entries(assets?.files ?? {})
  const sum = entries.reduce((total, [, { size }]) => total + size, bytes)
  if (sum > LIMITS.bundleBytes) return { code: 'bundle_size', bytes: sum, bytesMax: LIMITS.bundleBytes }
  for (const [path, entry] of entries) {
    const file = files.open(`${ASSETS_PATH}${path}`)
    if (file === undefined || file.size !== entry.size) return { code: 'bundle_asset', path }
    if (hashes && !isAsDescribed(file, entry)) return { code: 'bundle_asset', path }
  }
  return undefined
}

function isAsDescribed(file: Pick<StateFile, 'size' | 'read'>, { size, hash }: AssetEntry): boolean {
  const digest = createHash('sha256')
  const piece = new Uint8Array(Math.min(PIECE_BYTES, size))
  for (let offset = 0; offset < size; offset += piece.length) {
    digest.update(piece.subarray(0, file.read(offset, piece)))
  }
  return digest.digest('hex').startsWith(hash)
}
