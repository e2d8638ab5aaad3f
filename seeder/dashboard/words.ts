// Numbers and names as an operator reads them; markup of nobody but us.

/** Text that stands in a page as it is. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = Math.max(0, bytes)
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`
}

export function spanText(ms: number): string {
  const seconds = Math.max(0, ms / 1000)
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${seconds.toFixed(0)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`
}

export function rateText(perSecond: number): string {
  return perSecond >= 10 || perSecond === 0 ? perSecond.toFixed(0) : perSecond.toFixed(1)
}

/** How a clock stands to this one, as people say it. */
export function clockText(aheadMs: number): string {
  const off =
    Math.abs(aheadMs) < 1_000 ? `${Math.abs(Math.round(aheadMs))} ms` : `${(Math.abs(aheadMs) / 1000).toFixed(1)} s`
  return aheadMs === 0 ? 'in step' : `${off} ${aheadMs > 0 ? 'behind' : 'ahead'}`
}

const KEY_CHARS = 10

export function short(text: string): string {
  return `<code title="${escaped(text)}">${escaped(text.slice(0, KEY_CHARS))}…</code>`
}

const CHART = { width: 120, height: 28 } as const

/** A line of what was, newest at the right; `label` says in words what it shows. */
export function sparkline(values: readonly number[], label: string): string {
  const { width, height } = CHART
  if (values.length < 2) return ''
  const most = Math.max(...values, Number.MIN_VALUE)
  const points = values.map((value, index) => {
    const x = (index / (values.length - 1)) * width
    const y = height - 2 - (value / most) * (height - 4)
    return `${x.toFixed(1)},${y.toFixed(1)}`
  })
  return `<svg class="chart" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${escaped(label)}"><polyline points="${points.join(' ')}" fill="none" stroke="currentColor" stroke-width="1.5" vector-effect="non-scaling-stroke"/></svg>`
}
