// What must not leave this machine, taken out of text that is handed to others: keys, cookies, authorization, bodies, idempotency keys.
//
// Two nets. Secrets that lie on this machine (key files near the seeder) go wherever they stand, in every form they are written in. What is
// only known by its place goes by its name: a header, a field of a log line, a query, user and password in an address. And a run of
// letters of both cases and digits that is as long as a token goes for looking like one; keys and hashes that are public are hexadecimal here.
// Invariant: a text that is too strange to be understood loses more, never less.

import { createPrivateKey } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const REDACTED = '[redacted]'

const KEY_FILE = /\.(?:pem|key)$/
const KEY_FILE_BYTES_MAX = 16 * 1024
const KEY_FILES_MAX = 256
/** Of the DER of an Ed25519 key: its last bytes are the secret. */
const SEED_BYTES = 32
const FORM_CHARS_MIN = 16

const SECRET_NAME =
  /^(?:x-)?(?:(?:proxy-)?authorization|(?:set-)?cookies?2?|idempotency[-_]?keys?|interpeer-export|body|bodies|form|payload|nonce|salt|seed|csrf\w*|session\w*|sid|.*(?:passw|passphrase|secret|token|credential|private|api[-_]?key).*)$/i
const HEADER_IN_TEXT =
  /\b((?:proxy-)?authorization|(?:set-)?cookie2?|idempotency[-_]?key|interpeer-export|interpeer-nonce|x-api-key)(["']?\s*[:=,]\s*)[^\r\n]*/gi
/** Each run of letters is looked at once: a line that a stranger wrote may be one long run. */
const FIELD_IN_TEXT =
  /(?<![\w-])(?=[\w-]*(?:passw|passphrase|secret|token|credential|private[-_]?key|api[-_]?key|body|session|idempotency))([\w-]+)(["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|'[^']*'?|\S+)/gi
const SCHEME = /\b(Bearer|Basic|Digest|Negotiate)\s+[\w+/=~.-]{4,}/gi
const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*-----|$)/g
const USER_IN_URL = /((?<![a-z0-9+.-])[a-z0-9+.-]*:\/\/)[^\s/@"']*@/gi
const QUERY = /([\w/.~%-])\?[^\s"'<>\\]+/g
const TOKEN = /(?<![\w+-])(?=[\w+-]*[a-z])(?=[\w+-]*[A-Z])(?=[\w+-]*\d)[\w+-]{24,}={0,2}/g

/** Every form in which the secret of a key file may stand in a text. */
function formsOf(text: string): string[] {
  const forms = [text.trim()]
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  forms.push(...lines.filter((line) => !line.startsWith('-----')))
  try {
    const der = createPrivateKey(text).export({ type: 'pkcs8', format: 'der' })
    for (const bytes of [der, der.subarray(-SEED_BYTES)]) {
      const hex = bytes.toString('hex')
      const base64 = bytes.toString('base64')
      forms.push(hex, hex.toUpperCase(), base64, base64.replace(/=+$/, ''), bytes.toString('base64url'))
    }
  } catch {
    // A file that is no key has its lines as its secrets.
  }
  return forms.filter((form) => form.length >= FORM_CHARS_MIN)
}

function keyFilesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isFile() && KEY_FILE.test(entry.name) ? [join(folder, entry.name)] : [],
    )
  } catch {
    return []
  }
}

function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [join(folder, entry.name)] : [],
    )
  } catch {
    return []
  }
}

/** Secrets of key files in a seeder's directory, beside it and above it: where `interpeer up` keeps those of a whole network. */
export function secretsNear(directory: string): readonly string[] {
  const above = dirname(directory)
  const folders = new Set([directory, ...foldersIn(directory), above, ...foldersIn(above)])
  const files = [...folders].flatMap(keyFilesIn).slice(0, KEY_FILES_MAX)
  const forms = files.flatMap((file) => {
    try {
      return statSync(file).size > KEY_FILE_BYTES_MAX ? [] : formsOf(readFileSync(file, 'utf8'))
    } catch {
      return []
    }
  })
  // The longest first: a short form may be a part of a long one.
  return [...new Set(forms)].sort((a, b) => b.length - a.length)
}

export type Redactor = (text: string) => string

export function createRedactor(secrets: readonly string[]): Redactor {
  const plain = (text: string): string => {
    let clean = text.replace(PRIVATE_KEY, REDACTED)
    for (const secret of secrets) clean = clean.replaceAll(secret, REDACTED)
    return clean
      .replace(HEADER_IN_TEXT, `$1$2${REDACTED}`)
      .replace(SCHEME, `$1 ${REDACTED}`)
      .replace(FIELD_IN_TEXT, `$1$2${REDACTED}`)
      .replace(USER_IN_URL, `$1${REDACTED}@`)
      .replace(QUERY, `$1?${REDACTED}`)
      .replace(TOKEN, REDACTED)
  }
  const value = (found: unknown): unknown => {
    if (typeof found === 'string') return plain(found)
    if (Array.isArray(found)) {
      const [name, , ...more] = found
      // A header as most programs keep it: a pair of its name and its value.
      if (typeof name === 'string' && more.length === 0 && SECRET_NAME.test(name)) return [name, REDACTED]
      return found.map(value)
    }
    if (typeof found !== 'object' || found === null) return found
    return Object.fromEntries(
      Object.entries(found).map(([name, inner]) => [plain(name), SECRET_NAME.test(name) ? REDACTED : value(inner)]),
    )
  }
  const line = (text: string): string => {
    if (!/^\s*[{[]/.test(text)) return plain(text)
    try {
      return JSON.stringify(value(JSON.parse(text)))
    } catch {
      return plain(text)
    }
  }
  return (text) => {
    const whole = text.replace(PRIVATE_KEY, REDACTED)
    return whole.split('\n').map(line).join('\n')
  }
}
