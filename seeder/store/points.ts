// Persist points: the moments at which something becomes durable. Each says so before and after, for whoever rehearses what a
// machine may do to them (seeder/config/faults.ts); in an ordinary run nobody listens.

export type PersistPoints = {
  /** Something is about to be written; `synced`: and synced. Throws what a broken disk would. */
  before(synced: boolean): void
  /** It is durable, or (not `synced`) with the kernel. */
  after(): void
}

export const NOBODY_LISTENS: PersistPoints = { before() {}, after() {} }
