// A checked answer on its way to the visitor: its length is told where it is known, and the visit ends with its last byte.

type Body = Uint8Array | ReadableStream<Uint8Array>

/** Of workerd alone: a stream of so many bytes, whose answer says so. */
type Edge = { readonly FixedLengthStream?: new (length: number) => TransformStream<Uint8Array, Uint8Array> }

/** What is no longer than this is the runtime's as soon as it is handed over. */
const PIECE_BYTES = 64 * 1024

/**
 * The body as it is sent; one that ends before its `length` is seen to have broken off. `left` is called once: nothing of it is held here any
 * more, since the last byte was taken, or nobody takes any more. `took` is told of each piece.
 */
export function sending(
  body: Body,
  length: number | undefined,
  left: () => void,
  took?: (bytes: number) => void,
): Body {
  if (body instanceof Uint8Array && body.length <= PIECE_BYTES) {
    left()
    took?.(body.length)
    return body
  }
  const stream = streamOf(body instanceof Uint8Array ? piecesOf(body) : partsOf(body), left, took)
  // Where there is none, a length in the head of the answer does the same.
  const { FixedLengthStream } = globalThis as Edge
  return length === undefined || FixedLengthStream === undefined
    ? stream
    : stream.pipeThrough(new FixedLengthStream(length))
}

/** Pieces as they are asked for; `left` is called when there are no more, or nobody takes them. */
export function streamOf(
  pieces: AsyncGenerator<Uint8Array, void, undefined>,
  left: () => void = () => {},
  took?: (bytes: number) => void,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await pieces.next()
          if (next.done !== true) {
            took?.(next.value.length)
            return controller.enqueue(next.value)
          }
          left()
          controller.close()
        } catch (cause) {
          left()
          throw cause
        }
      },
      cancel() {
        left()
        // Whoever makes the next piece may take a while, for nobody.
        pieces.return(undefined).catch(() => {})
      },
    },
    { highWaterMark: 0 },
  )
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) yield bytes.subarray(start, start + PIECE_BYTES)
}

async function* partsOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
  } finally {
    await reader.cancel().catch(() => {})
  }
}
