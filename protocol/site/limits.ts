// What a site may have: the bounds of its configuration and of its bundle, and the form of its names.

export const LIMITS = {
  /** `interpeer.jsonc`. */
  configBytes: 256 * 1024,
  manifestBytes: 4 * 2 ** 20,
  scriptBytes: 16 * 2 ** 20,
  sourceMapBytes: 64 * 2 ** 20,
  assets: 20_000,
  assetBytes: 512 * 2 ** 20,
  /** What of an asset a script can read, by `env.ASSETS`. */
  assetReadBytes: 25 * 2 ** 20,
  assetPathChars: 1_024,
  /** Script and assets together. */
  bundleBytes: 2 * 2 ** 30,
  /** An exported site, or a bundle with the data that a new site begins with. */
  archiveBytes: 8 * 2 ** 30,
  databases: 4,
  namespaces: 8,
  migrations: 1_000,
  migrationBytes: 2 ** 20,
  crons: 8,
  headers: 32,
  textChars: 256,
  siteNameChars: 63,
  bindingChars: 63,
} as const

/** A label of DNS: it becomes a host name. */
export function isSiteName(name: string): boolean {
  return /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name) && name.length <= LIMITS.siteNameChars
}

/** A property of `env` and a file name of the state. */
export function isBindingName(name: string): boolean {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) && name.length <= LIMITS.bindingChars
}
