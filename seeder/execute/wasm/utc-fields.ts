// `struct tm` of emscripten: nine words of a time in UTC, which is every member's local time, and the offset from UTC, which is 0.

const MS_PER_DAY = 86_400_000

/** Writes them at an address; a time that no `Date` can have is all zeros. */
export function writeUtcFields(view: DataView, seconds: bigint, into: number): void {
  const date = new Date(Number(seconds) * 1000)
  const firstOfYear = new Date(date)
  firstOfYear.setUTCMonth(0, 1)
  const fields = [
    date.getUTCSeconds(),
    date.getUTCMinutes(),
    date.getUTCHours(),
    date.getUTCDate(),
    date.getUTCMonth(),
    date.getUTCFullYear() - 1900,
    date.getUTCDay(),
    Math.floor((date.getTime() - firstOfYear.getTime()) / MS_PER_DAY),
    0,
    0,
  ]
  for (const [index, field] of fields.entries()) view.setInt32(into + 4 * index, field, true)
}
