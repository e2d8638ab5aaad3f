// As much of JSON Schema 2020-12 as our own schemas use; a keyword it does not know is an error, not a pass.

type Schema = { readonly [keyword: string]: unknown }

const ANNOTATIONS = new Set(['$schema', '$id', 'title', 'description'])

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

/** Paths and reasons of everything in `value` that the schema does not allow. */
export function schemaErrors(schema: Schema, value: unknown, path = '$'): readonly string[] {
  return Object.entries(schema).flatMap(([keyword, rule]) =>
    ANNOTATIONS.has(keyword) ? [] : keywordErrors(schema, keyword, rule, value, path),
  )
}

function keywordErrors(
  schema: Schema,
  keyword: string,
  rule: unknown,
  value: unknown,
  path: string,
): readonly string[] {
  const unless = (holds: boolean): readonly string[] => (holds ? [] : [`${path}: ${keyword} ${JSON.stringify(rule)}`])
  const record = typeOf(value) === 'object' ? (value as Record<string, unknown>) : undefined
  switch (keyword) {
    case 'type':
      return unless([rule].flat().includes(typeOf(value)))
    case 'const':
      return unless(value === rule)
    case 'enum':
      return unless((rule as unknown[]).includes(value))
    case 'pattern':
      return unless(typeof value !== 'string' || new RegExp(rule as string).test(value))
    case 'maxLength':
      return unless(typeof value !== 'string' || value.length <= Number(rule))
    case 'minimum':
      return unless(typeof value !== 'number' || value >= Number(rule))
    case 'maximum':
      return unless(typeof value !== 'number' || value <= Number(rule))
    case 'maxItems':
      return unless(!Array.isArray(value) || value.length <= Number(rule))
    case 'required':
      return unless(record === undefined || (rule as string[]).every((key) => Object.hasOwn(record, key)))
    case 'items':
      return Array.isArray(value)
        ? value.flatMap((item, index) => schemaErrors(rule as Schema, item, `${path}[${index}]`))
        : []
    case 'properties':
      return Object.entries(rule as Record<string, Schema>).flatMap(([key, inner]) =>
        record !== undefined && Object.hasOwn(record, key) ? schemaErrors(inner, record[key], `${path}.${key}`) : [],
      )
    case 'additionalProperties': {
      const known = Object.keys((schema.properties ?? {}) as object)
      const others = Object.keys(record ?? {}).filter((key) => !known.includes(key))
      if (rule === false) return others.map((key) => `${path}: no ${key}`)
      return others.flatMap((key) => schemaErrors(rule as Schema, record?.[key], `${path}.${key}`))
    }
    default:
      throw new Error(`${path}: the keyword ${keyword} is not known here`)
  }
}
