// Names in directories and paths over them. A name is 1 to 255 bytes of valid UTF-8 without `/` and NUL, and neither `.` nor `..`.

import { bytesEqual, bytesFromText } from '#protocol/codec/bytes.ts'
import { NAME_BYTES_MAX, PATH_DEPTH_MAX } from '#protocol/content/limits.ts'

const NOT_ASCII = /[^\x20-\x7e]/

export function isName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) return false
  if (!NOT_ASCII.test(name)) return name.length <= NAME_BYTES_MAX
  return name.isWellFormed() && bytesFromText(name).length <= NAME_BYTES_MAX
}

export function nameToBytes(name: string): Uint8Array {
  if (NOT_ASCII.test(name)) return bytesFromText(name)
  const bytes = new Uint8Array(name.length)
  for (let index = 0; index < name.length; index++) bytes[index] = name.charCodeAt(index)
  return bytes
}

/** undefined when the bytes are no valid name; so that one name has one text. */
export function nameFromBytes(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0 || bytes.length > NAME_BYTES_MAX) return undefined
  let text = ''
  for (let index = 0; index < bytes.length; ) {
    const first = bytes[index] ?? 0
    const extra = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3
    let point = extra === 0 ? first : first & (0x3f >> extra)
    for (let offset = 1; offset <= extra; offset++) point = (point << 6) | ((bytes[index + offset] ?? 0) & 0x3f)
    if (point > 0x10ffff) return undefined
    text += String.fromCodePoint(point)
    index += extra + 1
  }
  return isName(text) && bytesEqual(bytesFromText(text), bytes) ? text : undefined
}

/** `a/b/c` as its names; undefined when one is invalid or it is too deep. The empty path is the root: no names. */
export function namesOfPath(path: string): string[] | undefined {
  if (path === '') return []
  const names = path.split('/')
  return names.length <= PATH_DEPTH_MAX && names.every(isName) ? names : undefined
}
