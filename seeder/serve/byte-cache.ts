// A map that forgets what was asked for longest ago once its values weigh too much.

export type ByteCache<V> = {
  get(key: string): V | undefined
  /** A value heavier than an eighth of the whole is not taken. */
  set(key: string, value: V, bytes: number): void
  delete(key: string): void
  readonly bytes: number
  readonly size: number
}

const SHARE = 8

export function byteCache<V>(bytesMax: number): ByteCache<V> {
  const entries = new Map<string, { value: V; bytes: number }>()
  let total = 0
  const drop = (key: string): void => {
    const found = entries.get(key)
    if (found === undefined) return
    entries.delete(key)
    total -= found.bytes
  }
  const shrink = (): void => {
    for (const key of entries.keys()) {
      if (total <= bytesMax) return
      drop(key)
    }
  }
  return {
    get(key) {
      const found = entries.get(key)
      if (found === undefined) return undefined
      entries.delete(key)
      entries.set(key, found)
      return found.value
    },
    set(key, value, bytes) {
      drop(key)
      if (bytes > bytesMax / SHARE) return
      entries.set(key, { value, bytes })
      total += bytes
      shrink()
    },
    delete: drop,
    get bytes() {
      return total
    },
    get size() {
      return entries.size
    },
  }
}
