// What the wiki asks of its database.

import { and, asc, count, desc, eq, lt, sql } from 'drizzle-orm'
import type { DrizzleD1Database } from 'drizzle-orm/d1'
import { type Page, pages, type Revision, revisions } from './schema.ts'

export type Db = DrizzleD1Database

export const LIST_MAX = 50
const SEARCH_WORDS_MAX = 8

export async function pageBySlug(db: Db, slug: string): Promise<Page | undefined> {
  return db.select().from(pages).where(eq(pages.slug, slug)).get()
}

export async function allPages(db: Db): Promise<Pick<Page, 'slug' | 'title' | 'changedAt'>[]> {
  return db
    .select({ slug: pages.slug, title: pages.title, changedAt: pages.changedAt })
    .from(pages)
    .orderBy(asc(pages.title))
    .limit(5000)
}

export async function revisionOf(db: Db, page: number, id: number): Promise<Revision | undefined> {
  return db
    .select()
    .from(revisions)
    .where(and(eq(revisions.page, page), eq(revisions.id, id)))
    .get()
}

/** Newest first; `before` is the id to go on below. */
export async function historyOf(
  db: Db,
  page: number,
  before = Number.MAX_SAFE_INTEGER,
): Promise<Omit<Revision, 'body'>[]> {
  return db
    .select({
      id: revisions.id,
      page: revisions.page,
      parent: revisions.parent,
      title: revisions.title,
      author: revisions.author,
      summary: revisions.summary,
      writtenAt: revisions.writtenAt,
    })
    .from(revisions)
    .where(and(eq(revisions.page, page), lt(revisions.id, before)))
    .orderBy(desc(revisions.id))
    .limit(LIST_MAX)
}

export type Change = Pick<Revision, 'id' | 'parent' | 'title' | 'author' | 'summary' | 'writtenAt'> & { slug: string }

export async function recentChanges(db: Db, before = Number.MAX_SAFE_INTEGER): Promise<Change[]> {
  return db
    .select({
      id: revisions.id,
      parent: revisions.parent,
      title: revisions.title,
      author: revisions.author,
      summary: revisions.summary,
      writtenAt: revisions.writtenAt,
      slug: pages.slug,
    })
    .from(revisions)
    .innerJoin(pages, eq(pages.id, revisions.page))
    .where(lt(revisions.id, before))
    .orderBy(desc(revisions.id))
    .limit(LIST_MAX)
}

export async function pageCount(db: Db): Promise<number> {
  return (await db.select({ count: count() }).from(pages).get())?.count ?? 0
}

export type Found = { slug: string; title: string; snippet: string }

/** Pages with all the words, the best first; the last word may be unfinished. Snippets mark hits with U+0001 and U+0002. */
export async function search(db: Db, query: string): Promise<Found[]> {
  const words = query.match(/[\p{L}\p{N}]+/gu)?.slice(0, SEARCH_WORDS_MAX) ?? []
  if (words.length === 0) return []
  const match = words.map((word, index) => `"${word}"${index === words.length - 1 ? '*' : ''}`).join(' ')
  return db.all<Found>(sql`
    SELECT pages.slug AS slug, pages.title AS title, snippet(search, 1, char(1), char(2), ' … ', 24) AS snippet
    FROM search JOIN pages ON pages.id = search.rowid
    WHERE search MATCH ${match}
    ORDER BY bm25(search, 8.0, 1.0), pages.title
    LIMIT ${LIST_MAX}`)
}

export type Draft = { slug: string; title: string; body: string; author: string; summary: string; base: number | null }

export type Saved =
  | { readonly kind: 'saved' | 'unchanged'; readonly slug: string }
  /** Somebody was faster: `page` is what stands there now. */
  | { readonly kind: 'conflict'; readonly page: Page }

/**
 * Writes a new revision on top of `draft.base`. The same draft sent twice (a refresh, a second click) is `unchanged`: what it would write is
 * there already.
 */
export async function save(db: Db, draft: Draft, now: number): Promise<Saved> {
  const current = await pageBySlug(db, draft.slug)
  if (current !== undefined && current.body === draft.body && current.title === draft.title)
    return { kind: 'unchanged', slug: draft.slug }
  if (current !== undefined && current.revision !== draft.base) return { kind: 'conflict', page: current }
  const page =
    current?.id ??
    (
      await db
        .insert(pages)
        .values({ slug: draft.slug, title: draft.title, revision: 0, body: '', changedAt: now })
        .returning({ id: pages.id })
        .get()
    ).id
  const { title, body, author, summary } = draft
  const revision = await db
    .insert(revisions)
    .values({ page, parent: current?.revision ?? null, title, body, author, summary, writtenAt: now })
    .returning({ id: revisions.id })
    .get()
  await db.update(pages).set({ title, body, revision: revision.id, changedAt: now }).where(eq(pages.id, page))
  return { kind: 'saved', slug: draft.slug }
}
