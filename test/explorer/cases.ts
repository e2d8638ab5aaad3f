// The explorations that are on record (docs/EXPLORATION.md), from small to large.

import type { Bounds } from './world.ts'

const FOUR: Bounds = {
  members: 4,
  quorum: 'bft',
  views: 2,
  heights: 1,
  epochs: 1,
  crashes: 0,
  timeouts: 1,
  liar: null,
  handover: 'close',
}
const THREE: Bounds = { ...FOUR, members: 3, quorum: 'all' }

export const CASES: readonly (readonly [string, Bounds])[] = [
  ['3all', THREE],
  ['3all-crash', { ...THREE, crashes: 1 }],
  ['3all-heights', { ...THREE, heights: 2 }],
  ['3all-epoch', { ...THREE, epochs: 2, views: 1 }],
  ['3all-reconfig', { ...THREE, epochs: 2, views: 1, handover: 'reconfig' }],
  ['3all-epoch-crash', { ...THREE, heights: 1, epochs: 2, views: 1, crashes: 1 }],
  ['4', FOUR],
  ['4-liar-leads', { ...FOUR, liar: 0 }],
  ['4-liar-leads-one-view', { ...FOUR, views: 1, timeouts: 0, liar: 0 }],
  ['4-liar-second', { ...FOUR, liar: 1 }],
  ['4-liar-follows', { ...FOUR, liar: 2 }],
  ['4-crash', { ...FOUR, crashes: 1 }],
  ['4-heights-one-view', { ...FOUR, views: 1, timeouts: 0, heights: 2, crashes: 2 }],
  ['4-heights', { ...FOUR, heights: 2 }],
  ['4-epoch', { ...FOUR, epochs: 2, views: 1 }],
  ['4-epoch-reconfig', { ...FOUR, epochs: 2, views: 1, handover: 'reconfig' }],
]
