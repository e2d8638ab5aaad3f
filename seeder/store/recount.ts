// Reference counts from scratch: what the blocks that are here and the roots say, against what the rows say. Done at every start,
// so that neither a node whose links could not be read as it went nor a byte that changed on disk is believed; and the tests' judge.

import type { DatabaseSync } from 'node:sqlite'
import { blockMatches } from '#protocol/content/block.ts'
import type { Cid } from '#protocol/content/cid.ts'
import { linksOfBlock } from '#protocol/content/walk.ts'
import { HELD, LOST, WANTED } from '#seeder/store/schema.ts'
import { nativeSha256 } from '#seeder/store/sha256.ts'

/** Nodes (up to 1 MiB each) that are held in memory at a time; leaves are not read. */
const PAGE_ROWS = 32
/** Of a CID: version 1, codec raw. */
const RAW = "x'0155'"

/**
 * Corrects every row in one transaction; returns how many were wrong. Blocks that nothing refers to wait for `collect`; of those
 * under a node that was found damaged `onLost` is told: they will be referred to again when it is back.
 */
export function recount(database: DatabaseSync, onLost: () => void = () => {}): number {
  const pageOf = database.prepare(
    `SELECT b.id, b.cid, d.bytes FROM blocks b JOIN bodies d ON d.id = b.id
     WHERE b.id > ? AND substr(b.cid, 1, 2) <> ${RAW} ORDER BY b.id LIMIT ?`,
  )
  database.exec('BEGIN IMMEDIATE')
  try {
    database.exec('CREATE TEMP TABLE counted (cid BLOB PRIMARY KEY, refs INTEGER NOT NULL) WITHOUT ROWID')
    const change = (sql: string): number => Number(database.prepare(sql).run().changes)
    // First what the rows say of the bytes: here, and how many.
    let wrong = change(`UPDATE blocks SET state = ${WANTED}, size = 0
      WHERE state NOT IN (${WANTED}, ${HELD}, ${LOST}) OR (state = ${HELD} AND id NOT IN (SELECT id FROM bodies))`)
    wrong += change(`DELETE FROM bodies WHERE id NOT IN (SELECT id FROM blocks WHERE state = ${HELD})`)
    wrong += change(`UPDATE blocks SET size = (SELECT length(bytes) FROM bodies WHERE bodies.id = blocks.id)
      WHERE state = ${HELD} AND size <> (SELECT length(bytes) FROM bodies WHERE bodies.id = blocks.id)`)
    const count = database.prepare(
      'INSERT INTO counted (cid, refs) VALUES (?, 1) ON CONFLICT (cid) DO UPDATE SET refs = refs + 1',
    )
    const rot = database.prepare(`UPDATE blocks SET state = ${LOST}, size = 0 WHERE id = ?`)
    for (let last = 0; ; ) {
      const rows = pageOf.all(last, PAGE_ROWS)
      if (rows.length === 0) break
      for (const { id, cid, bytes } of rows) {
        last = Number(id)
        if (!blockMatches(cid as Cid, bytes as Uint8Array, nativeSha256)) rot.run(last)
        else for (const link of linksOfBlock(cid as Cid, bytes as Uint8Array)) count.run(link)
      }
    }
    database.exec(`
      INSERT INTO counted (cid, refs) SELECT cid, count(*) FROM roots GROUP BY cid
        ON CONFLICT (cid) DO UPDATE SET refs = refs + excluded.refs;
      INSERT INTO counted (cid, refs) SELECT state, count(*) FROM certified WHERE kept = 1 GROUP BY state
        ON CONFLICT (cid) DO UPDATE SET refs = refs + excluded.refs;
    `)
    // The links of what is lost were not counted: it is wanted, as if it had never been here.
    const lost = database.prepare(`SELECT 1 FROM blocks WHERE state = ${LOST} AND substr(cid, 1, 2) <> ${RAW} LIMIT 1`)
    if (lost.get() !== undefined) onLost()
    database.exec(`
      DELETE FROM bodies WHERE id IN (SELECT id FROM blocks WHERE state = ${LOST});
      UPDATE blocks SET state = ${WANTED} WHERE state = ${LOST};
    `)
    wrong += change(`UPDATE blocks SET refs = coalesce((SELECT refs FROM counted WHERE cid = blocks.cid), 0)
      WHERE refs <> coalesce((SELECT refs FROM counted WHERE cid = blocks.cid), 0)`)
    wrong += change(`INSERT INTO blocks (refs, state, size, cid)
      SELECT refs, ${WANTED}, 0, cid FROM counted WHERE cid NOT IN (SELECT cid FROM blocks)`)
    wrong += change(`DELETE FROM blocks WHERE refs = 0 AND state <> ${HELD}`)
    database.exec('DROP TABLE counted; COMMIT')
    return wrong
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
