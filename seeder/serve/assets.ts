// The bundle's own files, answered before any script runs, by the rules of Workers static assets. Such an answer is a function of
// (code root, path) alone: it is certified like any read and stays true until the code changes.
//
// Small files are kept in memory whole; of large ones only the digests are kept, and their bytes stream from the store.

import { leavesToBytes } from '#protocol/answer/chunks.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { type Cid, cidKey } from '#protocol/content/cid.ts'
import { addressAt } from '#protocol/site/asset-address.ts'
import { type AssetAnswer, resolveAsset } from '#protocol/site/assets.ts'
import { crawlPathOf, SITEMAPS_BYTES_MAX, sitemapParts } from '#protocol/site/crawl-files.ts'
import { LIMITS } from '#protocol/site/limits.ts'
import { type AssetsManifest, type SiteManifest, STABLE_ORIGIN } from '#protocol/site/manifest.ts'
import { policyOf } from '#protocol/site/policy.ts'
import type { Headers } from '#protocol/site/response-hash.ts'
import type { Log } from '#seeder/config/log.ts'
import { manifestFromBytes } from '#seeder/execute/host/bundle.ts'
import { byteCache } from '#seeder/serve/byte-cache.ts'
import { generatedFile } from '#seeder/serve/crawl.ts'
import { MEMORY_FILE_BYTES_MAX } from '#seeder/serve/limits.ts'
import type { Head, HostedSite } from '#seeder/serve/port.ts'
import {
  digestFile,
  type FileDigests,
  type Representation,
  representationOfFile,
  weightOf,
} from '#seeder/serve/representation.ts'

export type AssetFinder = {
  /** Request headers that this site's script sees beyond the agreed list. */
  listed(site: HostedSite, head: Head): readonly string[]
  manifest(site: HostedSite, head: Head): SiteManifest | undefined
  /** Of what crawlers ask for and neither the bundle nor the script has: what the manifest tells; undefined for all else. */
  standIn(site: HostedSite, head: Head, target: string): Representation | undefined
  /** It logs people in: one origin for all its members. */
  wantsOneOrigin(site: HostedSite, head: Head): boolean
  /** The answer of the bundle to a GET, or undefined when the script has to be asked. */
  find(site: HostedSite, head: Head, target: string): Promise<Representation | undefined>
  /** Leaf hashes of a body served lately, by its root in hexadecimal. */
  leaves(root: string): Uint8Array | undefined
}

/** Manifests of sites and of their last few versions. */
const MANIFEST_CACHE_BYTES = 8 * 1024 * 1024
/** A few of the largest. */
const SITEMAP_CACHE_BYTES = 4 * SITEMAPS_BYTES_MAX
const MANIFEST_OVERHEAD_BYTES = 1024
const DIGEST_OVERHEAD_BYTES = 256
const DIGEST_CACHE_BYTES = 8 * 1024 * 1024

/** As Workers has it: kept, but asked about each time, so that a new version is seen at once. */
const CACHE_CONTROL = 'public, max-age=0, must-revalidate'
const NOT_FOUND_BODY = 'Not found\n'

type Known = {
  readonly manifest: SiteManifest
  /** The files that go before the script: without the answers to what is missing, which are the script's to give. */
  readonly beforeScript: AssetsManifest | undefined
}

export function createAssetFinder(options: { readonly cacheBytes: number; readonly log: Log }): AssetFinder {
  const { log } = options
  const manifests = byteCache<{ readonly known: Known | undefined }>(MANIFEST_CACHE_BYTES)
  const latest = new WeakMap<HostedSite, { readonly codeRoot: Cid; readonly known: Known }>()
  const files = byteCache<Representation>(options.cacheBytes)
  const sitemaps = byteCache<readonly string[]>(SITEMAP_CACHE_BYTES)
  const digests = byteCache<FileDigests>(DIGEST_CACHE_BYTES)
  const cidOfRoot = new Map<string, string>()
  const digesting = new Map<string, Promise<FileDigests>>()

  /** As `load`, for the head that was asked about last without looking. */
  function knownOf(site: HostedSite, head: Head): Known | undefined {
    const before = latest.get(site)
    if (before?.codeRoot === head.codeRoot) return before.known
    const known = load(site, head)
    if (known !== undefined) latest.set(site, { codeRoot: head.codeRoot, known })
    return known
  }

  function load(site: HostedSite, head: Head): Known | undefined {
    const key = cidKey(head.codeRoot)
    const before = manifests.get(key)
    if (before !== undefined) return before.known
    const file = site.file(head.stateRoot, 'app/site.json')
    // A site that is not published yet has no manifest, and so has its script to answer for everything.
    if (file === undefined || file.size > LIMITS.manifestBytes) return undefined
    const read = manifestFromBytes(file.read(0, file.size))
    if (!read.ok) log.error('manifest', { site: site.name, ...read.error })
    let known: Known | undefined
    if (read.ok) {
      const { assets, scriptBytes } = read.value
      const beforeScript =
        assets === null || (scriptBytes > 0 && assets.scriptFirst)
          ? undefined
          : scriptBytes > 0
            ? ({ ...assets, notFoundHandling: 'none' } as const)
            : assets
      known = { manifest: read.value, beforeScript }
    }
    manifests.set(key, { known }, MANIFEST_OVERHEAD_BYTES + file.size)
    return known
  }

  async function digestsOf(site: HostedSite, head: Head, path: string): Promise<FileDigests | undefined> {
    const file = site.file(head.stateRoot, path)
    if (file === undefined) return undefined
    const key = cidKey(file.cid)
    const known = digests.get(key)
    if (known !== undefined) return known
    let running = digesting.get(key)
    if (running === undefined) {
      running = digestFile(file).finally(() => digesting.delete(key))
      digesting.set(key, running)
    }
    const made = await running
    digests.set(key, made, DIGEST_OVERHEAD_BYTES + made.leaves.length * 64)
    rememberRoot(made.root, key)
    return made
  }

  function rememberRoot(root: Digest, key: string): void {
    const text = hexFromBytes(root)
    cidOfRoot.delete(text)
    cidOfRoot.set(text, key)
    for (const oldest of cidOfRoot.keys()) {
      if (cidOfRoot.size <= LIMITS.assets) return
      cidOfRoot.delete(oldest)
    }
  }

  async function fileAnswer(
    site: HostedSite,
    head: Head,
    answer: Extract<AssetAnswer, { kind: 'file' }>,
    policy: Headers,
  ): Promise<Representation | undefined> {
    const path = `app/assets${answer.path}`
    const file = site.file(head.stateRoot, path)
    if (file === undefined) return undefined
    const headers: Headers = [['content-type', answer.entry.type], ['cache-control', CACHE_CONTROL], ...policy]
    if (file.size > MEMORY_FILE_BYTES_MAX) {
      const made = await digestsOf(site, head, path)
      return made === undefined ? undefined : representationOfFile(answer.status, headers, { file, digests: made })
    }
    const key = `${cidKey(file.cid)}\n${answer.status} ${answer.entry.type}${policy.length === 0 ? '' : '\nstrict'}`
    const before = files.get(key)
    if (before !== undefined) return before
    const bytes = Buffer.from(file.read(0, file.size))
    const representation = representationOfFile(answer.status, headers, { bytes })
    files.set(key, representation, weightOf(representation))
    return representation
  }

  function partsOf(code: string, manifest: SiteManifest, siteName: string): readonly string[] {
    const before = sitemaps.get(code)
    if (before !== undefined) return before
    const parts = sitemapParts(manifest, siteName)
    sitemaps.set(
      code,
      parts,
      parts.reduce((sum, part) => sum + part.length, MANIFEST_OVERHEAD_BYTES),
    )
    return parts
  }

  function standIn(site: HostedSite, head: Head, manifest: SiteManifest, target: string): Representation | undefined {
    if (crawlPathOf(target) === undefined) return undefined
    const code = `${cidKey(head.codeRoot)}\n${site.name}`
    const key = `${code} ${target}`
    const before = files.get(key)
    if (before !== undefined) return before
    const made = generatedFile(() => partsOf(code, manifest, site.name), site.name, target, policyOf(manifest))
    if (made !== undefined) files.set(key, made, weightOf(made))
    return made
  }

  return {
    standIn(site, head, target) {
      const known = knownOf(site, head)
      return known === undefined ? undefined : standIn(site, head, known.manifest, target)
    },
    manifest: (site, head) => knownOf(site, head)?.manifest,
    wantsOneOrigin: (site, head) => knownOf(site, head)?.manifest.origin === STABLE_ORIGIN,
    listed: (site, head) => knownOf(site, head)?.manifest.headers ?? [],
    async find(site, head, target) {
      const known = knownOf(site, head)
      if (known?.beforeScript === undefined) return undefined
      const at = target.indexOf('?')
      const path = at < 0 ? target : target.slice(0, at)
      const stands =
        known.manifest.scriptBytes > 0 || addressAt(known.beforeScript, path) !== undefined
          ? undefined
          : standIn(site, head, known.manifest, target)
      if (stands !== undefined) return stands
      const answer = resolveAsset(known.beforeScript, path)
      const policy = policyOf(known.manifest)
      if (answer.kind === 'file') return fileAnswer(site, head, answer, policy)
      if (answer.kind === 'redirect') {
        const location = at < 0 ? answer.location : answer.location + target.slice(at)
        return representationOfFile(307, [['location', location], ...policy], { bytes: Buffer.alloc(0) })
      }
      if (known.manifest.scriptBytes > 0) return undefined
      return representationOfFile(404, [['content-type', 'text/plain; charset=utf-8'], ...policy], {
        bytes: Buffer.from(NOT_FOUND_BODY),
      })
    },
    leaves(root) {
      const key = cidOfRoot.get(root)
      const known = key === undefined ? undefined : digests.get(key)
      return known === undefined ? undefined : leavesToBytes(known.leaves)
    },
  }
}
