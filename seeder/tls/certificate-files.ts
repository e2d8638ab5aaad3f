// A certificate that the operator brings as files (PEM), usually for `*.<name>`. They are read again when they change, and when somebody says so.
//
// Invariant: what was read whole stays in use until something better was read whole; a half-written pair changes nothing.

import { readFileSync, statSync } from 'node:fs'
import type { Log } from '#seeder/config/log.ts'
import {
  type Certificate,
  type CertificateError,
  certificateErrorText,
  readCertificate,
} from '#seeder/tls/certificate.ts'
import type { CertificateProblem, Certificates } from '#seeder/tls/port.ts'

/** A renewal has weeks; who cannot wait sends SIGHUP. */
const LOOK_MS = 10_000

export type CertificateFilesOptions = {
  readonly certificate: string
  readonly key: string
  /** Hosts that it should be for, as of now. */
  readonly hosts: () => readonly string[]
  /** What is served is another than before. */
  readonly onChange: () => void
  readonly now: () => number
  readonly log: Log
}

export function watchCertificateFiles(options: CertificateFilesOptions): Certificates & Disposable {
  const { now, log } = options
  let held: Certificate | undefined
  let problem:
    | { readonly error: CertificateError | { code: 'unreadable'; detail: string }; readonly at: number }
    | undefined
  let seen = ''

  /** Changes when either file does: a link that leads to another file has another inode behind it. */
  function marks(): string {
    return [options.certificate, options.key]
      .map((path) => {
        try {
          const { ino, size, mtimeMs } = statSync(path)
          return `${ino} ${size} ${mtimeMs}`
        } catch {
          return 'missing'
        }
      })
      .join()
  }

  function read(): void {
    seen = marks()
    let chain: string
    let key: string
    try {
      chain = readFileSync(options.certificate, 'utf8')
      key = readFileSync(options.key, 'utf8')
    } catch (cause) {
      problem = { error: { code: 'unreadable', detail: (cause as Error).message }, at: now() }
      log.error('certificate_refused', { ...problem.error, kept: held !== undefined })
      return
    }
    const certificate = readCertificate(chain, key, now())
    if (!certificate.ok) {
      problem = { error: certificate.error, at: now() }
      log.error('certificate_refused', {
        ...certificate.error,
        problem: certificateErrorText(certificate.error),
        kept: held !== undefined,
      })
      return
    }
    problem = undefined
    held = certificate.value
    const { names, notAfter } = held
    log.info('certificate', { names, until: new Date(notAfter).toISOString() })
    const missing = uncovered()
    if (missing.length > 0) {
      const error: CertificateError = { code: 'does_not_cover', hosts: missing, names }
      log.error('certificate_refused', { ...error, problem: certificateErrorText(error), kept: true })
    }
    options.onChange()
  }

  function uncovered(): readonly string[] {
    return options.hosts().filter((host) => held?.covers(host) !== true)
  }

  function isHeld(host: string): boolean {
    return held?.covers(host) === true && held.notAfter > now()
  }

  read()
  const timer = setInterval(() => {
    // One that could not be read, or not yet, is looked at again whether it changed or not.
    if (marks() !== seen || problem?.error.code === 'not_yet_valid') read()
  }, LOOK_MS)
  timer.unref()

  return {
    contextOf: (host) => (isHeld(host) ? held?.context : undefined),
    challengeContextOf: () => undefined,
    challengeAnswer: () => undefined,
    certificates: () => (held === undefined ? [] : [{ names: held.names, notAfter: held.notAfter }]),
    problems() {
      const problems: CertificateProblem[] = []
      if (problem !== undefined) {
        const { error, at } = problem
        const message = error.code === 'unreadable' ? error.detail : certificateErrorText(error)
        problems.push({ code: error.code, message, at })
      }
      if (held === undefined) return problems
      const { names, notAfter } = held
      if (notAfter <= now()) {
        const error: CertificateError = { code: 'expired', notAfter }
        problems.push({ code: error.code, message: certificateErrorText(error), at: notAfter })
      }
      for (const host of uncovered()) {
        const error: CertificateError = { code: 'does_not_cover', hosts: [host], names }
        problems.push({ host, code: error.code, message: certificateErrorText(error), at: now() })
      }
      return problems
    },
    check: read,
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
