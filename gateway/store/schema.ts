// Tables of the gateway's D1 database. `npx drizzle-kit generate --config gateway/local/drizzle.config.ts` writes the
// migrations from it; times are ms since the epoch.

import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'

export const registrations = sqliteTable(
  'registrations',
  {
    peer: text('peer').primaryKey(),
    record: text('record').notNull(),
    time: integer('time').notNull(),
    skewMs: integer('skew_ms').notNull(),
    leaseUntil: integer('lease_until').notNull(),
    updated: integer('updated').notNull(),
  },
  (table) => [
    index('registrations_updated').on(table.updated),
    index('registrations_lease_until').on(table.leaseUntil),
  ],
)

export const liars = sqliteTable(
  'liars',
  {
    peer: text('peer').primaryKey(),
    job: text('job').notNull(),
    kind: text('kind').notNull(),
    evidence: text('evidence').notNull(),
    proof: text('proof').notNull(),
    updated: integer('updated').notNull(),
  },
  (table) => [index('liars_updated').on(table.updated)],
)

/** Each issuer's newest deny-list, whole. */
export const denyLists = sqliteTable('deny_lists', {
  issuer: text('issuer').primaryKey(),
  version: integer('version').notNull(),
  text: text('text').notNull(),
})

/** A network file in parts: a D1 value is at most 2 MB. A version is whole when all its `parts` are there. */
export const networkParts = sqliteTable(
  'network_parts',
  {
    version: integer('version').notNull(),
    part: integer('part').notNull(),
    parts: integer('parts').notNull(),
    text: text('text').notNull(),
  },
  (table) => [primaryKey({ columns: [table.version, table.part] })],
)
