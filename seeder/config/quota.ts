// What a seeder may take of its machine: disk, memory, the visitors' bandwidth, slots (sites at a time). Given with its start or in
// `config.json` of its directory; the command line wins.
//
//   { "disk": "10G", "memory": "512M", "bandwidth": "20M", "slots": 8, "logLevel": "info", "logForm": "json",
//     "location": "DE", "plainHttp": false, "https": { "name": "s1.example.org", "port": "443", "certificate": "…", "key": "…" } }
//
// Sizes are bytes with K, M, G or T for powers of 1024; bandwidth is bytes a second, both ways; "none" is no bound.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { boolean, object, oneOf, optional, readShape, type Shaped, text, uint } from '#protocol/codec/shape.ts'
import { JOBS_MAX } from '#protocol/directory/network-file.ts'
import type { HttpsName } from '#seeder/config/https.ts'
import { LOG_LEVELS, type LogLevel } from '#seeder/config/log.ts'

export const CONFIG_FILE = 'config.json'

const KIB = 1024
const MIB = 1024 ** 2
const GIB = 1024 ** 3
const TIB = 1024 ** 4

export const QUOTA_NAMES = ['disk', 'memory', 'bandwidth', 'slots'] as const
export type QuotaName = (typeof QUOTA_NAMES)[number]

/** Why a job is not taken. */
export type QuotaReason = 'disk' | 'memory' | 'slots'

/** `Infinity`: no bound. Bytes, bytes, bytes a second, sites. */
export type Quotas = Readonly<Record<QuotaName, number>>

export const QUOTA_DEFAULTS: Quotas = {
  disk: 20 * GIB,
  memory: 2 * GIB,
  bandwidth: Number.POSITIVE_INFINITY,
  slots: 64,
}
export const QUOTA_BOUNDS: Readonly<Record<QuotaName, { readonly min: number; readonly max: number }>> = {
  disk: { min: 16 * MIB, max: 1024 * TIB },
  memory: { min: 64 * MIB, max: 16 * TIB },
  bandwidth: { min: 16 * KIB, max: TIB },
  slots: { min: 1, max: JOBS_MAX },
}

export type QuotaError = {
  readonly code: 'quota_form' | 'quota_bounds'
  readonly name: QuotaName
  readonly given: string
  readonly min: number
  readonly max: number
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: KIB, M: MIB, G: GIB, T: TIB }

export function sizeText(bytes: number): string {
  if (!Number.isFinite(bytes)) return 'none'
  for (const unit of ['T', 'G', 'M', 'K'] as const) {
    const count = bytes / (UNITS[unit] ?? 1)
    if (Number.isInteger(count)) return `${count}${unit}`
  }
  return String(bytes)
}

export function quotaFromText(name: QuotaName, given: string): Result<number, QuotaError> {
  const bounds = QUOTA_BOUNDS[name]
  if (given === 'none') return ok(Number.POSITIVE_INFINITY)
  const match = (name === 'slots' ? /^(\d{1,9})()$/ : /^(\d{1,17})([KMGT]?)$/).exec(given)
  if (match === null) return err({ code: 'quota_form', name, given, ...bounds })
  const value = Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1)
  if (value < bounds.min || value > bounds.max) return err({ code: 'quota_bounds', name, given, ...bounds })
  return ok(value)
}

export function quotaErrorText({ name, given, min, max }: QuotaError): string {
  const words = name === 'slots' ? 'a whole number' : 'a size such as 512M or 10G'
  return `--${name} takes ${words} from ${sizeText(min)} to ${sizeText(max)}, or 'none', not '${given}'`
}

const WORD = /^[0-9A-Za-z]{1,16}$/
const httpsShape = object({
  name: text(256),
  port: optional(text(5)),
  certificate: optional(text(4096)),
  key: optional(text(4096)),
  acme: optional(text(1024)),
  email: optional(text(256)),
})
type HttpsConfig = Shaped<typeof httpsShape>

const configShape = object({
  disk: optional(text(16, WORD)),
  memory: optional(text(16, WORD)),
  bandwidth: optional(text(16, WORD)),
  slots: optional(uint(JOBS_MAX)),
  logLevel: optional(oneOf(...LOG_LEVELS)),
  logForm: optional(oneOf('json', 'text')),
  location: optional(text(64)),
  plainHttp: optional(boolean()),
  https: optional(httpsShape),
})

export type SeederConfig = {
  readonly quotas: Partial<Record<QuotaName, string>>
  readonly logLevel?: LogLevel
  readonly logForm?: 'json' | 'text'
  readonly location?: string
  readonly plainHttp?: boolean
  readonly https?: Readonly<Partial<Record<HttpsName, string>>>
}

/** Of a directory without such a file: nothing. Throws with a message for people when the file is no such thing. */
export function readConfig(directory: string): SeederConfig {
  const path = join(directory, CONFIG_FILE)
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { quotas: {} }
    throw cause
  }
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch (cause) {
    throw new Error(`${path} is no JSON: ${(cause as Error).message}`)
  }
  const shaped = readShape(configShape, value)
  if (!shaped.ok) throw new Error(`${path} is no configuration of a seeder: ${JSON.stringify(shaped.error)}`)
  const { slots, logLevel, logForm, location, plainHttp, https, ...sizes } = shaped.value
  return {
    ...(https === undefined ? {} : { https: httpsWords(https) }),
    ...given({ location, plainHttp }),
    quotas: { ...sizes, ...(slots === undefined ? {} : { slots: String(slots) }) },
    ...(logLevel === undefined ? {} : { logLevel }),
    ...(logForm === undefined ? {} : { logForm }),
  }
}

/** By the names that the command line has for them. */
function httpsWords(https: HttpsConfig): Readonly<Partial<Record<HttpsName, string>>> {
  const { name, port, certificate, key, acme, email } = https
  return given({
    ...{ 'https-name': name, 'https-port': port, certificate, 'certificate-key': key, acme, 'acme-email': email },
  })
}

/** Without what is undefined. */
function given<T extends object>(values: T): { readonly [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    readonly [K in keyof T]?: NonNullable<T[K]>
  }
}

/** The later ones win; what none gives has its default. */
export function quotasOf(...given: readonly Partial<Record<QuotaName, string>>[]): Result<Quotas, QuotaError> {
  const quotas: Record<QuotaName, number> = { ...QUOTA_DEFAULTS }
  for (const each of given)
    for (const name of QUOTA_NAMES) {
      const words = each[name]
      if (words === undefined) continue
      const read = quotaFromText(name, words)
      if (!read.ok) return read
      quotas[name] = read.value
    }
  return ok(quotas)
}
