// SQLite's file system layer over the site's state: each connection opened at the start is a slot, and a request says which
// file of the state tree stands behind it. Journals and temporary tables live in memory, so only database files come by.
//
// Invariant: pages go to the state tree in xWrite and nowhere else; the clock and chance are those of the running request.

import { CANTOPEN, IOERR, IOERR_SHORT_READ, NOTFOUND, OK } from '#seeder/execute/sqlite/codes.ts'
import type { Machine } from '#seeder/execute/sqlite/machine.ts'
import type { StateFile } from '#seeder/execute/state/port.ts'

/** What a request gives the databases that it uses. */
export type RequestPort = {
  /** Block time, ms since the epoch. */
  time(): number
  random(bytes: number): Uint8Array
  /** The file behind a slot; undefined while it does not exist. */
  file(slot: number): StateFile | undefined
  /** The same, made if need be: called before the first write. */
  create(slot: number): StateFile
}

const SECTOR_BYTES = 4_096
const PATH_BYTES_MAX = 64
/** Writes are atomic, in order and cannot be torn: the state tree is committed as a whole. */
const DEVICE = 0x1 | 0x200 | 0x400 | 0x800 | 0x1000
/** Julian day of the Unix epoch, in milliseconds. */
const JULIAN_EPOCH_MS = 210_866_760_000_000

const FILE_BYTES = 8
const VFS_BYTES = 88
const IO_BYTES = 76

/** Fuel for a page that crosses between SQLite and the state tree (~4 µs with its later hashing), on top of SQLite's own. */
export const PAGE_FUEL = 20_000

const OPEN_MAIN_DB = 0x100

export const slotName = (slot: number): string => `slot${slot}`

/** Registers the file system as the default one. `request` is asked anew at every call. */
export function registerVfs(machine: Machine, request: () => RequestPort): void {
  const { heap, view, words } = machine
  const slotOf = (file: number): number => words[(file + 4) >>> 2] ?? 0
  const fill = (bytes: Uint8Array, pointer: number): void => heap.set(bytes, pointer)
  let ioMethods = 0

  const io = machine.install([
    { parameters: ['i32'], run: () => OK },
    {
      parameters: ['i32', 'i32', 'i32', 'i64'],
      run: (file: number, into: number, length: number, offset: bigint) => {
        machine.charge(PAGE_FUEL)
        const got =
          request()
            .file(slotOf(file))
            ?.read(Number(offset), heap.subarray(into, into + length)) ?? 0
        if (got === length) return OK
        heap.fill(0, into + got, into + length)
        return IOERR_SHORT_READ
      },
    },
    {
      parameters: ['i32', 'i32', 'i32', 'i64'],
      run: (file: number, from: number, length: number, offset: bigint) => {
        machine.charge(PAGE_FUEL)
        request()
          .create(slotOf(file))
          .write(Number(offset), heap.slice(from, from + length))
        return OK
      },
    },
    {
      parameters: ['i32', 'i64'],
      run: (file: number, size: bigint) => {
        request().create(slotOf(file)).truncate(Number(size))
        return OK
      },
    },
    { parameters: ['i32', 'i32'], run: () => OK },
    {
      parameters: ['i32', 'i32'],
      run: (file: number, out: number) => {
        view.setBigInt64(out, BigInt(request().file(slotOf(file))?.size ?? 0), true)
        return OK
      },
    },
    { parameters: ['i32', 'i32'], run: () => OK },
    { parameters: ['i32', 'i32'], run: () => OK },
    {
      parameters: ['i32', 'i32'],
      run: (_file: number, out: number) => {
        words[out >>> 2] = 0
        return OK
      },
    },
    { parameters: ['i32', 'i32', 'i32'], run: () => NOTFOUND },
    { parameters: ['i32'], run: () => SECTOR_BYTES },
    { parameters: ['i32'], run: () => DEVICE },
  ])

  const layer = machine.install([
    {
      parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
      run: (_vfs: number, name: number, file: number, flags: number, out: number) => {
        const slot = /^slot(\d+)$/.exec(machine.cText(name) ?? '')?.[1]
        words[file >>> 2] = 0
        if (slot === undefined || (flags & OPEN_MAIN_DB) === 0) return CANTOPEN
        words[file >>> 2] = ioMethods
        words[(file + 4) >>> 2] = Number(slot)
        if (out !== 0) words[out >>> 2] = flags
        return OK
      },
    },
    { parameters: ['i32', 'i32', 'i32'], run: () => OK },
    {
      parameters: ['i32', 'i32', 'i32', 'i32'],
      run: (_vfs: number, _name: number, _flags: number, out: number) => {
        words[out >>> 2] = 0
        return OK
      },
    },
    {
      parameters: ['i32', 'i32', 'i32', 'i32'],
      run: (_vfs: number, name: number, length: number, out: number) => {
        const end = heap.indexOf(0, name)
        if (end - name >= length) return CANTOPEN
        heap.copyWithin(out, name, end + 1)
        return OK
      },
    },
    {
      parameters: ['i32', 'i32', 'i32'],
      run: (_vfs: number, length: number, out: number) => {
        fill(request().random(length), out)
        return length
      },
    },
    { parameters: ['i32', 'i32'], run: () => OK },
    {
      parameters: ['i32', 'i32'],
      run: (_vfs: number, out: number) => {
        view.setFloat64(out, (JULIAN_EPOCH_MS + request().time()) / 86_400_000, true)
        return OK
      },
    },
    { parameters: ['i32', 'i32', 'i32'], run: () => IOERR },
    {
      parameters: ['i32', 'i32'],
      run: (_vfs: number, out: number) => {
        view.setBigInt64(out, BigInt(JULIAN_EPOCH_MS) + BigInt(request().time()), true)
        return OK
      },
    },
  ])

  const structure = (fields: readonly number[], bytes: number): number => {
    const pointer = machine.exports.malloc(bytes)
    heap.fill(0, pointer, pointer + bytes)
    for (const [index, field] of fields.entries()) words[(pointer >>> 2) + index] = field
    return pointer
  }
  const name = machine.allocateText(Buffer.from('state'))
  // sqlite3_io_methods, version 1: its twelve methods in the order of the header.
  ioMethods = structure([1, ...io], IO_BYTES)
  const [open = 0, remove = 0, access = 0, fullPath = 0, random = 0, sleep = 0, time = 0, lastError = 0, time64 = 0] =
    layer
  // sqlite3_vfs, version 2: iVersion, szOsFile, mxPathname, pNext, zName, pAppData, then its methods; no dynamic loading.
  const head = [2, FILE_BYTES, PATH_BYTES_MAX, 0, name, 0]
  const vfs = structure(
    [...head, open, remove, access, fullPath, 0, 0, 0, 0, random, sleep, time, lastError, time64],
    VFS_BYTES,
  )
  machine.exports.sqlite3_vfs_register(vfs, 1)
}
