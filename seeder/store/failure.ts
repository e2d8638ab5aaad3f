// What a failed write means (agreement §2, R1), by SQLite's extended result codes.
//
//   full, read-only, a write refused   nothing happened: the transaction is taken back, the same again may work later
//   a failed sync                      what the kernel was given may be gone, and it says so only once: nothing more may be built on it
//
// After a failed sync Linux counts the pages as clean, keeps or drops them, and the next fsync succeeds. A log that went on
// would have a hole that a power cut shows: every later commit behind it lost, though it was synced. So the writer ends; the process
// ends without closing the database (which would copy the log on trust), and the next start reads the log by its checksums.

const PRIMARY = 256
const SQLITE_READONLY = 8
const SQLITE_IOERR = 10
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14
/** SQLITE_IOERR_READ, _SHORT_READ, _WRITE: said by the call itself, before anything was promised. */
const HARMLESS_IOERR: ReadonlySet<number> = new Set([1, 2, 3].map((part) => SQLITE_IOERR + PRIMARY * part))
/** Of the system, where files are written without SQLite. */
const DISK_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EIO', 'EMFILE', 'ENFILE'])

function errcodeOf(error: unknown): number {
  return (error as { errcode?: number } | undefined)?.errcode ?? 0
}

/** Nothing may be built on what was written before. */
export function mayHaveForgotten(error: unknown): boolean {
  const errcode = errcodeOf(error)
  return errcode % PRIMARY === SQLITE_IOERR && !HARMLESS_IOERR.has(errcode)
}

/** The machine's fault and not the file's: the same start may work later. */
export function isOfTheDisk(error: unknown): boolean {
  if (DISK_CODES.has(String((error as { code?: unknown } | undefined)?.code))) return true
  return [SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN].includes(errcodeOf(error) % PRIMARY)
}
