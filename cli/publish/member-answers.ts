// What members say to who publishes: how much of a bundle they have, and what was agreed. They are strangers: what has not the form says nothing.

/** `bytes`: so many came; of a whole one as many as it has. */
export type Fetched = { readonly whole: boolean; readonly bytes: number }
export type FetchedAt = Fetched & { readonly peer: string }

/** `answer`: what the site's own update said, as text. */
export type Agreed = { readonly height: number; readonly answer: string }

/** An UPDATE that was agreed on: `{"height","answer"}`. */
export function agreedFrom(text: string): Agreed | undefined {
  const { height, answer } = fieldsOf(valueFrom(text)) ?? {}
  if (typeof height !== 'number' || !Number.isSafeInteger(height) || typeof answer !== 'string') return undefined
  return { height, answer }
}

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
