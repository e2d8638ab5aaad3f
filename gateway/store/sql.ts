// The store in SQLite, through drizzle: D1 at the edge, a file on Node. Only `register`, `evidence`, `network`, the refill and the cron come here:
// never a redirect.

import { desc, eq, gte, lt, ne, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/sqlite-proxy'
import type { Store } from '#gateway/store/port.ts'
import { denyLists, liars, networkParts, registrations } from '#gateway/store/schema.ts'
import type { PeerName } from '#protocol/identity/keys.ts'

/** ASCII text, so also bytes; well under D1's 2 MB a value. */
const PART_CHARACTERS_MAX = 1_000_000

export type Statement = { readonly sql: string; readonly params: readonly unknown[] }
/** The rows of each statement, as arrays in the order of their columns. Several are one transaction. */
export type SqlPort = (statements: readonly Statement[]) => Promise<readonly (readonly (readonly unknown[])[])[]>

export function sqlStore(run: SqlPort): Store {
  const db = drizzle(
    async (text, params) => ({ rows: [...((await run([{ sql: text, params }]))[0] ?? [])] }),
    async (batch) => (await run(batch)).map((rows) => ({ rows: [...rows] })),
  )
  return {
    async changes(updatedFrom) {
      const [registered, accused, newest, lists] = await db.batch([
        db.select().from(registrations).where(gte(registrations.updated, updatedFrom)),
        db.select().from(liars).where(gte(liars.updated, updatedFrom)),
        db.select({ version: networkParts.version }).from(networkParts).orderBy(desc(networkParts.version)).limit(1),
        db.select({ issuer: denyLists.issuer, version: denyLists.version }).from(denyLists),
      ])
      return {
        registrations: registered.map((row) => ({ ...row, peer: row.peer as PeerName })),
        liars: accused.map((row) => ({ ...row, peer: row.peer as PeerName })),
        networkVersion: newest[0]?.version,
        denyLists: lists,
      }
    },

    async network(version) {
      const rows = await db
        .select()
        .from(networkParts)
        .where(sql`${networkParts.version} = ${version}`)
        .orderBy(networkParts.part)
      if (rows.length === 0 || rows.length !== rows[0]?.parts) return undefined
      return rows.map((row) => row.text).join('')
    },

    async saveRegistration(row) {
      const written = await db
        .insert(registrations)
        .values(row)
        .onConflictDoUpdate({ target: registrations.peer, set: row, setWhere: lt(registrations.time, row.time) })
        .returning({ peer: registrations.peer })
      return written.length > 0
    },

    async saveLiar(row) {
      await db.insert(liars).values(row).onConflictDoNothing()
    },

    async saveNetwork(version, text) {
      const parts = Math.max(1, Math.ceil(text.length / PART_CHARACTERS_MAX))
      const inserts = Array.from({ length: parts }, (_, part) =>
        db
          .insert(networkParts)
          .values({
            version,
            part,
            parts,
            text: text.slice(part * PART_CHARACTERS_MAX, (part + 1) * PART_CHARACTERS_MAX),
          })
          .onConflictDoNothing(),
      )
      const [first, ...rest] = inserts
      if (first !== undefined) await db.batch([first, ...rest])
    },

    async denyList(issuer) {
      const [row] = await db.select({ text: denyLists.text }).from(denyLists).where(eq(denyLists.issuer, issuer))
      return row?.text
    },

    async saveDenyList(issuer, version, text) {
      const row = { issuer, version, text }
      await db
        .insert(denyLists)
        .values(row)
        .onConflictDoUpdate({ target: denyLists.issuer, set: row, setWhere: lt(denyLists.version, version) })
    },

    async expire(leaseBefore) {
      const newest = sql`(select max(${networkParts.version}) from ${networkParts})`
      await db.batch([
        db.delete(registrations).where(lt(registrations.leaseUntil, leaseBefore)),
        db.delete(networkParts).where(ne(networkParts.version, newest)),
      ])
    },
  }
}
