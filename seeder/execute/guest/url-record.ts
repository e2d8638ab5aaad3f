// The basic URL parser as a state machine (URL §4.4), with state override for the setters of the URL class.
// A record holds serialised parts; `path` is a string when opaque.

import {
  C0_CONTROL,
  FRAGMENT,
  PATH,
  percentEncode,
  QUERY,
  SPECIAL_QUERY,
  USERINFO,
} from '#seeder/execute/guest/percent.ts'
import { parseHost } from '#seeder/execute/guest/url-host.ts'

export type UrlRecord = {
  scheme: string
  username: string
  password: string
  host: string | null
  port: number | null
  path: string[] | string
  query: string | null
  fragment: string | null
}

const DEFAULT_PORT = new Map<string, number | null>([
  ['http', 80],
  ['https', 443],
  ['ws', 80],
  ['wss', 443],
  ['ftp', 21],
  ['file', null],
])

export function isSpecial(url: UrlRecord): boolean {
  return DEFAULT_PORT.has(url.scheme)
}

export function cannotHaveCredentialsOrPort(url: UrlRecord): boolean {
  return url.host === null || url.host === '' || url.scheme === 'file'
}

export type State =
  | 'scheme start'
  | 'scheme'
  | 'no scheme'
  | 'special relative or authority'
  | 'path or authority'
  | 'relative'
  | 'relative slash'
  | 'special authority slashes'
  | 'special authority ignore slashes'
  | 'authority'
  | 'host'
  | 'hostname'
  | 'port'
  | 'file'
  | 'file slash'
  | 'file host'
  | 'path start'
  | 'path'
  | 'opaque path'
  | 'query'
  | 'fragment'

const isDriveLetter = (text: string): boolean => /^[A-Za-z][:|]$/.test(text)
const startsWithDriveLetter = (text: string): boolean => /^[A-Za-z][:|]([/\\?#]|$)/.test(text)
const isSingleDot = (text: string): boolean => /^(\.|%2e)$/i.test(text)
const isDoubleDot = (text: string): boolean => /^(\.|%2e){2}$/i.test(text)

function shorten(url: UrlRecord): void {
  if (typeof url.path === 'string') return
  if (url.scheme === 'file' && url.path.length === 1 && /^[A-Za-z]:$/.test(url.path[0] ?? '')) return
  url.path.pop()
}

function emptyRecord(): UrlRecord {
  return { scheme: '', username: '', password: '', host: null, port: null, path: [], query: null, fragment: null }
}

function clonePath(path: string[] | string): string[] | string {
  return typeof path === 'string' ? path : [...path]
}

/** A web address with nothing to normalise: what requests have. One native match instead of a state machine. */
const PLAIN =
  /^(https?):\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::([1-9][0-9]{0,4}))?(\/[\w!$&'()*+,\-.:;=@~%/|[\]]*)(?:\?([\w!$&()*+,\-.:;=@~%/|[\]?{}^`\\]*))?$/

function parsePlain(text: string): UrlRecord | undefined {
  const match = PLAIN.exec(text)
  if (match === null) return undefined
  const [, scheme = '', host = '', port, path = '', query] = match
  const lastLabel = host.slice(host.lastIndexOf('.') + 1)
  // Dot segments, numbers that are addresses and punycode want the long way.
  if (path.includes('/.') || /\/%2e/i.test(path) || /^\d/.test(lastLabel) || host.includes('xn--')) return undefined
  const number = port === undefined ? null : Number(port)
  if (number !== null && number > 65_535) return undefined
  return {
    scheme,
    username: '',
    password: '',
    host,
    port: number === DEFAULT_PORT.get(scheme) ? null : number,
    path: path.slice(1).split('/'),
    query: query ?? null,
    fragment: null,
  }
}

/** The record, or undefined: failure. With `override`, `url` is changed in place and returned. */
export function parseUrl(text: string, base?: UrlRecord): UrlRecord | undefined {
  const plain = parsePlain(text)
  if (plain !== undefined) return plain
  return run(text.replace(/^[\0-\x20]+|[\0-\x20]+$/g, ''), base, emptyRecord(), undefined)
}

export function reparse(text: string, url: UrlRecord, override: State): boolean {
  return run(text, undefined, url, override) !== undefined
}

function run(
  raw: string,
  base: UrlRecord | undefined,
  url: UrlRecord,
  override: State | undefined,
): UrlRecord | undefined {
  const input = Array.from(raw.toWellFormed().replace(/[\t\n\r]/g, ''))
  let state: State = override ?? 'scheme start'
  let buffer = ''
  let atSignSeen = false
  let insideBrackets = false
  let passwordSeen = false
  const rest = (from: number): string => input.slice(from).join('')

  for (let pointer = 0; pointer <= input.length; pointer++) {
    const c = input[pointer]
    switch (state) {
      case 'scheme start':
        if (c !== undefined && /[A-Za-z]/.test(c)) {
          buffer += c.toLowerCase()
          state = 'scheme'
        } else if (override === undefined) {
          state = 'no scheme'
          pointer--
        } else return undefined
        break

      case 'scheme':
        if (c !== undefined && /[A-Za-z0-9+\-.]/.test(c)) buffer += c.toLowerCase()
        else if (c === ':') {
          if (override !== undefined) {
            if (isSpecial(url) !== DEFAULT_PORT.has(buffer)) return url
            if ((url.username !== '' || url.password !== '' || url.port !== null) && buffer === 'file') return url
            if (url.scheme === 'file' && url.host === '') return url
            url.scheme = buffer
            if (url.port !== null && url.port === DEFAULT_PORT.get(buffer)) url.port = null
            return url
          }
          url.scheme = buffer
          buffer = ''
          if (url.scheme === 'file') state = 'file'
          else if (isSpecial(url)) {
            state =
              base !== undefined && base.scheme === url.scheme
                ? 'special relative or authority'
                : 'special authority slashes'
          } else if (input[pointer + 1] === '/') {
            state = 'path or authority'
            pointer++
          } else {
            url.path = ''
            state = 'opaque path'
          }
        } else if (override === undefined) {
          buffer = ''
          state = 'no scheme'
          pointer = -1
        } else return undefined
        break

      case 'no scheme':
        if (base === undefined) return undefined
        if (typeof base.path === 'string') {
          if (c !== '#') return undefined
          Object.assign(url, base, { fragment: '' })
          state = 'fragment'
        } else {
          state = base.scheme === 'file' ? 'file' : 'relative'
          pointer--
        }
        break

      case 'special relative or authority':
        if (c === '/' && input[pointer + 1] === '/') {
          state = 'special authority ignore slashes'
          pointer++
        } else {
          state = 'relative'
          pointer--
        }
        break

      case 'path or authority':
        if (c === '/') state = 'authority'
        else {
          state = 'path'
          pointer--
        }
        break

      case 'relative': {
        const from = base as UrlRecord
        url.scheme = from.scheme
        if (c === '/' || (isSpecial(url) && c === '\\')) {
          state = 'relative slash'
          break
        }
        const { username, password, host, port, query } = from
        Object.assign(url, { username, password, host, port, query, path: clonePath(from.path) })
        if (c === '?') {
          url.query = ''
          state = 'query'
        } else if (c === '#') {
          url.fragment = ''
          state = 'fragment'
        } else if (c !== undefined) {
          url.query = null
          shorten(url)
          state = 'path'
          pointer--
        }
        break
      }

      case 'relative slash':
        if (isSpecial(url) && (c === '/' || c === '\\')) state = 'special authority ignore slashes'
        else if (c === '/') state = 'authority'
        else {
          const { username, password, host, port } = base as UrlRecord
          Object.assign(url, { username, password, host, port })
          state = 'path'
          pointer--
        }
        break

      case 'special authority slashes':
        state = 'special authority ignore slashes'
        if (c === '/' && input[pointer + 1] === '/') pointer++
        else pointer--
        break

      case 'special authority ignore slashes':
        if (c !== '/' && c !== '\\') {
          state = 'authority'
          pointer--
        }
        break

      case 'authority':
        if (c === '@') {
          if (atSignSeen) buffer = `%40${buffer}`
          atSignSeen = true
          for (const char of buffer) {
            if (char === ':' && !passwordSeen) {
              passwordSeen = true
              continue
            }
            if (passwordSeen) url.password += percentEncode(char, USERINFO)
            else url.username += percentEncode(char, USERINFO)
          }
          buffer = ''
        } else if (c === undefined || c === '/' || c === '?' || c === '#' || (isSpecial(url) && c === '\\')) {
          if (atSignSeen && buffer === '') return undefined
          pointer -= Array.from(buffer).length + 1
          buffer = ''
          state = 'host'
        } else buffer += c
        break

      case 'host':
      case 'hostname':
        if (override !== undefined && url.scheme === 'file') {
          pointer--
          state = 'file host'
        } else if (c === ':' && !insideBrackets) {
          if (buffer === '' || override === 'hostname') return undefined
          const host = parseHost(buffer, isSpecial(url))
          if (host === undefined) return undefined
          url.host = host
          buffer = ''
          state = 'port'
        } else if (c === undefined || c === '/' || c === '?' || c === '#' || (isSpecial(url) && c === '\\')) {
          pointer--
          if (isSpecial(url) && buffer === '') return undefined
          if (
            override !== undefined &&
            buffer === '' &&
            (url.username !== '' || url.password !== '' || url.port !== null)
          ) {
            return undefined
          }
          const host = buffer === '' ? '' : parseHost(buffer, isSpecial(url))
          if (host === undefined) return undefined
          url.host = host
          buffer = ''
          state = 'path start'
          if (override !== undefined) return url
        } else {
          if (c === '[') insideBrackets = true
          if (c === ']') insideBrackets = false
          buffer += c
        }
        break

      case 'port':
        if (c !== undefined && /[0-9]/.test(c)) buffer += c
        else if (
          c === undefined ||
          c === '/' ||
          c === '?' ||
          c === '#' ||
          (isSpecial(url) && c === '\\') ||
          override !== undefined
        ) {
          if (buffer !== '') {
            const port = Number.parseInt(buffer, 10)
            if (port > 65535) return undefined
            url.port = port === DEFAULT_PORT.get(url.scheme) ? null : port
            buffer = ''
            if (override !== undefined) return url
          }
          if (override !== undefined) return undefined
          state = 'path start'
          pointer--
        } else return undefined
        break

      case 'file':
        url.scheme = 'file'
        url.host = ''
        if (c === '/' || c === '\\') state = 'file slash'
        else if (base !== undefined && base.scheme === 'file') {
          Object.assign(url, { host: base.host, path: clonePath(base.path), query: base.query })
          if (c === '?') {
            url.query = ''
            state = 'query'
          } else if (c === '#') {
            url.fragment = ''
            state = 'fragment'
          } else if (c !== undefined) {
            url.query = null
            if (startsWithDriveLetter(rest(pointer))) url.path = []
            else shorten(url)
            state = 'path'
            pointer--
          }
        } else {
          state = 'path'
          pointer--
        }
        break

      case 'file slash':
        if (c === '/' || c === '\\') state = 'file host'
        else {
          if (base !== undefined && base.scheme === 'file') {
            url.host = base.host
            const drive = typeof base.path === 'string' ? undefined : base.path[0]
            if (!startsWithDriveLetter(rest(pointer)) && drive !== undefined && /^[A-Za-z]:$/.test(drive))
              url.path = [drive]
          }
          state = 'path'
          pointer--
        }
        break

      case 'file host':
        if (c === undefined || c === '/' || c === '\\' || c === '?' || c === '#') {
          pointer--
          if (override === undefined && isDriveLetter(buffer)) state = 'path'
          else if (buffer === '') {
            url.host = ''
            if (override !== undefined) return url
            state = 'path start'
          } else {
            const host = parseHost(buffer, isSpecial(url))
            if (host === undefined) return undefined
            url.host = host === 'localhost' ? '' : host
            if (override !== undefined) return url
            buffer = ''
            state = 'path start'
          }
        } else buffer += c
        break

      case 'path start':
        if (isSpecial(url)) {
          state = 'path'
          if (c !== '/' && c !== '\\') pointer--
        } else if (override === undefined && c === '?') {
          url.query = ''
          state = 'query'
        } else if (override === undefined && c === '#') {
          url.fragment = ''
          state = 'fragment'
        } else if (c !== undefined) {
          state = 'path'
          if (c !== '/') pointer--
        } else if (override !== undefined && url.host === null && typeof url.path !== 'string') url.path.push('')
        break

      case 'path': {
        const path = url.path as string[]
        const slash = c === '/' || (isSpecial(url) && c === '\\')
        if (c === undefined || slash || (override === undefined && (c === '?' || c === '#'))) {
          if (isDoubleDot(buffer)) {
            shorten(url)
            if (!slash) path.push('')
          } else if (isSingleDot(buffer)) {
            if (!slash) path.push('')
          } else {
            if (url.scheme === 'file' && path.length === 0 && isDriveLetter(buffer)) buffer = `${buffer.charAt(0)}:`
            path.push(buffer)
          }
          buffer = ''
          if (c === '?') {
            url.query = ''
            state = 'query'
          } else if (c === '#') {
            url.fragment = ''
            state = 'fragment'
          }
        } else buffer += percentEncode(c, PATH)
        break
      }

      case 'opaque path': {
        const until = input.findIndex((char, index) => index >= pointer && (char === '?' || char === '#'))
        const end = until < 0 ? input.length : until
        const text = input.slice(pointer, end).join('')
        // A space that ends an opaque path before `?` or `#` is encoded, so that it survives re-parsing.
        const kept = end < input.length && text.endsWith(' ') ? `${text.slice(0, -1)}%20` : text
        url.path = percentEncode(kept, C0_CONTROL)
        pointer = end
        if (input[end] === '?') {
          url.query = ''
          state = 'query'
        } else if (input[end] === '#') {
          url.fragment = ''
          state = 'fragment'
        }
        break
      }

      case 'query': {
        const until = override === undefined ? input.indexOf('#', pointer) : -1
        const end = until < 0 ? input.length : until
        url.query =
          (url.query ?? '') + percentEncode(input.slice(pointer, end).join(''), isSpecial(url) ? SPECIAL_QUERY : QUERY)
        pointer = end
        if (until >= 0) {
          url.fragment = ''
          state = 'fragment'
        }
        break
      }

      case 'fragment':
        url.fragment = (url.fragment ?? '') + percentEncode(rest(pointer), FRAGMENT)
        pointer = input.length
        break
    }
  }
  return url
}

export function serializePath(url: UrlRecord): string {
  return typeof url.path === 'string' ? url.path : url.path.map((segment) => `/${segment}`).join('')
}

export function serializeUrl(url: UrlRecord, withFragment = true): string {
  let text = `${url.scheme}:`
  if (url.host !== null) {
    text += '//'
    if (url.username !== '' || url.password !== '') {
      text += `${url.username}${url.password === '' ? '' : `:${url.password}`}@`
    }
    text += url.host + (url.port === null ? '' : `:${url.port}`)
  } else if (typeof url.path !== 'string' && url.path.length > 1 && url.path[0] === '') text += '/.'
  text += serializePath(url)
  if (url.query !== null) text += `?${url.query}`
  if (withFragment && url.fragment !== null) text += `#${url.fragment}`
  return text
}
