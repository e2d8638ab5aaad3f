// One line a test, the whole error of a failed one, and the counts at the end as `#counts passed failed skipped`.
import { relative } from 'node:path'
import process from 'node:process'

export default async function* reporter(events) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const where = (data) => (data.file === undefined ? '' : relative(process.cwd(), data.file))
  for await (const { type, data } of events) {
    if (type === 'test:pass' && data.details?.type !== 'suite') {
      if (data.skip !== undefined) counts.skipped++
      else counts.passed++
      yield `${data.skip === undefined ? '✔' : '○'} ${where(data)}: ${data.name} (${Math.round(data.details?.duration_ms ?? 0)} ms)\n`
    } else if (type === 'test:fail') {
      const cause = data.details?.error?.cause ?? data.details?.error
      // A suite that failed only because a test in it did is not a failure of its own.
      if (data.details?.type === 'suite' && data.details?.error?.failureType === 'subtestsFailed') continue
      counts.failed++
      yield `✖ ${where(data)}: ${data.name}\n${String(cause?.stack ?? cause).replace(/^/gm, '    ')}\n`
    } else if (type === 'test:stderr' || type === 'test:stdout') yield data.message
  }
  yield `#counts ${counts.passed} ${counts.failed} ${counts.skipped}\n`
}
