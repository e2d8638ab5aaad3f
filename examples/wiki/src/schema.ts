// Pages and their revisions. A revision is never changed: a page points at its newest one.

import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'

export const pages = sqliteTable(
  'pages',
  {
    id: integer('id').primaryKey(),
    slug: text('slug').notNull(),
    title: text('title').notNull(),
    /** The newest revision's id, and its text again: what a visitor reads is one row. */
    revision: integer('revision').notNull(),
    body: text('body').notNull(),
    changedAt: integer('changed_at').notNull(),
  },
  (table) => [uniqueIndex('pages_slug').on(table.slug)],
)

export const revisions = sqliteTable(
  'revisions',
  {
    id: integer('id').primaryKey(),
    page: integer('page').notNull(),
    /** The revision that the author had before them; null for the first. */
    parent: integer('parent'),
    title: text('title').notNull(),
    body: text('body').notNull(),
    author: text('author').notNull(),
    summary: text('summary').notNull(),
    writtenAt: integer('written_at').notNull(),
  },
  (table) => [index('revisions_page').on(table.page, table.id)],
)

export type Page = typeof pages.$inferSelect
export type Revision = typeof revisions.$inferSelect
