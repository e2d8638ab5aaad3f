// The part of the WebAssembly JavaScript API that the runtime uses: neither TypeScript's language library nor Node's types have it.

declare namespace WebAssembly {
  type ImportValue = Memory | Table | Global | ((...values: never[]) => unknown)
  type Imports = Record<string, Record<string, ImportValue>>

  class Module {
    private readonly brand
    constructor(bytes: Uint8Array | ArrayBuffer)
    static imports(module: Module): { module: string; name: string; kind: string }[]
    static exports(module: Module): { name: string; kind: string }[]
  }

  class Instance {
    constructor(module: Module, imports?: Imports)
    readonly exports: Record<string, unknown>
  }

  class Memory {
    constructor(descriptor: { initial: number; maximum?: number })
    readonly buffer: ArrayBuffer
  }

  class Table {
    get(index: number): unknown
    set(index: number, value: unknown): void
    grow(entries: number): number
    readonly length: number
  }

  class Global<T extends 'i32' | 'i64' | 'f32' | 'f64' = 'i32' | 'i64' | 'f32' | 'f64'> {
    private readonly brand
    constructor(descriptor: { value: T; mutable?: boolean }, value?: unknown)
    value: T extends 'i64' ? bigint : number
  }

  class RuntimeError extends Error {}
}
