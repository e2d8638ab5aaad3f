// Reference counts from scratch: what the blocks that are here and the roots say, against what the rows say.
// Needed when the links of a node could not be read any more as it went; and the tests' judge of the counts.

import type { DatabaseSync } from 'node:sqlite'
import { blockMatches } from '#protocol/content/block.ts'
import { type Cid, CODEC_RAW, cidCodec } from '#protocol/content/cid.ts'
import { linksOfBlock } from '#protocol/content/walk.ts'
import { HELD, LOST, WANTED } from '#seeder/store/schema.ts'
import { nativeSha256 } from '#seeder/store/sha256.ts'

export const RECOUNT_SETTING = 'store/recount'

const PAGE_ROWS = 1_024

/** Corrects every count in one transaction; returns how many were wrong. Blocks that nothing refers to wait for `collect`. */
export function recount(database: DatabaseSync): number {
  const pageOf = database.prepare(
    'SELECT b.id, b.cid, d.bytes FROM blocks b JOIN bodies d ON d.id = b.id WHERE b.id > ? ORDER BY b.id LIMIT ?',
  )
  database.exec('BEGIN IMMEDIATE; CREATE TEMP TABLE counted (cid BLOB PRIMARY KEY, refs INTEGER NOT NULL)')
  const count = database.prepare(
    'INSERT INTO counted (cid, refs) VALUES (?, 1) ON CONFLICT (cid) DO UPDATE SET refs = refs + 1',
  )
  const rot = database.prepare(`UPDATE blocks SET state = ${LOST}, size = 0 WHERE id = ?`)
  try {
    for (let last = 0; ; ) {
      const rows = pageOf.all(last, PAGE_ROWS)
      if (rows.length === 0) break
      for (const { id, cid, bytes } of rows) {
        last = Number(id)
        if (cidCodec(cid as Cid) === CODEC_RAW) continue
        if (!blockMatches(cid as Cid, bytes as Uint8Array, nativeSha256)) rot.run(last)
        else for (const link of linksOfBlock(cid as Cid, bytes as Uint8Array)) count.run(link)
      }
    }
    for (const { cid } of database.prepare('SELECT cid FROM roots').iterate()) count.run(cid as Uint8Array)
    for (const { state } of database.prepare('SELECT state FROM certified WHERE kept = 1').iterate()) {
      count.run(state as Uint8Array)
    }
    // The links of what is lost were not counted: it is wanted, as if it had never been here.
    database.exec(`
      DELETE FROM bodies WHERE id IN (SELECT id FROM blocks WHERE state = ${LOST});
      UPDATE blocks SET state = ${WANTED} WHERE state = ${LOST};
    `)
    const wrong = database
      .prepare(
        `UPDATE blocks SET refs = coalesce((SELECT refs FROM counted WHERE cid = blocks.cid), 0)
         WHERE refs <> coalesce((SELECT refs FROM counted WHERE cid = blocks.cid), 0)`,
      )
      .run().changes
    const missed = database
      .prepare(
        `INSERT INTO blocks (refs, state, size, cid)
         SELECT refs, ${WANTED}, 0, cid FROM counted WHERE cid NOT IN (SELECT cid FROM blocks)`,
      )
      .run().changes
    const spare = database.prepare(`DELETE FROM blocks WHERE refs = 0 AND state <> ${HELD}`).run().changes
    database.exec('DROP TABLE counted; COMMIT')
    return Number(wrong) + Number(missed) + Number(spare)
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}
