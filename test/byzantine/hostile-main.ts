// `npm run test:hostile [-- WORDS]`: every attack of `attacks.ts` on one member, a line each.

import process from 'node:process'
import { ATTACKS } from './attacks.ts'
import { startVictim, suffer, type Times } from './hostile.ts'

const ATTACK_MS = 8_000
const MIB = 1024 * 1024

const timesText = ({ asked, failed, p50, p99 }: Times): string => `${asked} (${failed} failed) p50 ${p50} p99 ${p99} ms`

const words = process.argv.slice(2)
await using victim = await startVictim()
for (const name of Object.keys(ATTACKS).filter(
  (each) => words.length === 0 || words.some((word) => each.includes(word)),
)) {
  const found = await suffer(victim, name, ATTACK_MS)
  const memory = [found.rssBefore, found.rssMax, found.rssAfter].map((bytes) => Math.round(bytes / MIB)).join(' → ')
  const open = [found.descriptorsBefore, found.descriptorsMax, found.descriptorsAfter].join(' → ')
  console.log(
    `${name}: reads ${timesText(found.reads)}; writes ${timesText(found.writes)}; memory ${memory} MiB; descriptors ${open}`,
  )
  console.log(`   ${JSON.stringify(found.tally)}`)
}
