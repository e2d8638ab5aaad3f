// How much of a bundle members have, as they say it themselves. They are strangers: what has not the form says nothing.

/** `bytes`: so many came; of a whole one as many as it has. */
export type Fetched = { readonly whole: boolean; readonly bytes: number }
export type FetchedAt = Fetched & { readonly peer: string }

/** What one says of itself: `{"whole","bytes"}`. */
export function fetchedFrom(text: string): Fetched | undefined {
  return fetchedOf(valueFrom(text))
}

/** What one says of those that it asked: `{"members":[{"peer","whole","bytes"}]}`. */
export function fetchedAtFrom(text: string): readonly FetchedAt[] {
  const members = fieldsOf(valueFrom(text))?.members
  if (!Array.isArray(members)) return []
  return members.flatMap((member: unknown) => {
    const peer = fieldsOf(member)?.peer
    const fetched = fetchedOf(member)
    return typeof peer === 'string' && fetched !== undefined ? [{ peer, ...fetched }] : []
  })
}

function fetchedOf(value: unknown): Fetched | undefined {
  const { whole, bytes } = fieldsOf(value) ?? {}
  if (typeof whole !== 'boolean' || typeof bytes !== 'number' || !(bytes >= 0)) return undefined
  return { whole, bytes }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
}

function valueFrom(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
