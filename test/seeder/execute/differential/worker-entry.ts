// `core.ts` inside workerd. It may not compile WebAssembly, so the compiled modules come with it, found by the bytes that the
// execution asks to be compiled: a binary that was metered here into other bytes than in Node is found by nobody.

import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { linesOf, type Work } from '#test/seeder/execute/differential/core.ts'

export function answerWith(
  files: Readonly<Record<string, ArrayBuffer>>,
  modules: Readonly<Record<string, WebAssembly.Module>>,
) {
  const given = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, new Uint8Array(bytes)]))
  Object.assign(globalThis, { differentialFiles: given })
  const native = WebAssembly.Module
  const found = new Proxy(native, {
    construct(_, [bytes]: [Uint8Array]) {
      const name = hexFromBytes(sha256(bytes))
      const module = modules[name]
      if (module === undefined) throw new Error(`no compiled module has the hash ${name}`)
      return module
    },
  })
  Object.defineProperty(WebAssembly, 'Module', { value: found, configurable: true })
  return async (request: { json(): Promise<unknown> }): Promise<object> => {
    const { Response: Answer } = globalThis as unknown as { Response: new (text: string, init?: object) => object }
    try {
      return new Answer(linesOf((await request.json()) as Work).join('\n'))
    } catch (error) {
      return new Answer(error instanceof Error ? `${error.message}\n${error.stack}` : String(error), { status: 500 })
    }
  }
}
