// Numbers, times and names as people read them.

import { html } from 'hono/html'
import type { Page } from '#gateway/pages/layout.ts'

const KEY_CHARS = 10

export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 2) return 'a moment'
  if (seconds < 120) return `${seconds} seconds`
  if (seconds < 7200) return `${Math.round(seconds / 60)} minutes`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} hours`
  return `${Math.round(seconds / 86_400)} days`
}

/** For where there is little room. */
export function shortSpanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}

/** How long ago, as of `now`, with the moment itself for machines. */
export function agoText(time: number, now: number): Page {
  return html`<time datetime="${new Date(time).toISOString()}">${spanText(now - time)} ago</time>`
}

/** The beginning of a key or a hash; all of it stands in the title. */
export function short(text: string): Page {
  return html`<code title="${text}">${text.slice(0, KEY_CHARS)}…</code>`
}

/** One and more of them. */
export function counted(count: number, one: string, more: string): string {
  return `${count} ${count === 1 ? one : more}`
}
