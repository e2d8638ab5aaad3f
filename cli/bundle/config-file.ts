// Reading `interpeer.jsonc`: JSON with comments and trailing commas, and issues told by line and column of the file.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import { err, type Result } from '#protocol/codec/result.ts'
import { type ConfigIssue, configFromValue, type SiteConfig } from '#protocol/site/config.ts'
import { LIMITS } from '#protocol/site/limits.ts'
import { cronFromText } from '#seeder/execute/pool/cron.ts'

export const CONFIG_FILE = 'interpeer.jsonc'

/** Something to correct in a project: one line for a person, `<file>:<line>:<column>: <what>`. */
export type BundleIssue = {
  readonly code: string
  readonly file: string
  readonly line?: number
  readonly column?: number
  readonly message: string
}

export function issueText({ file, line, column, message }: BundleIssue): string {
  return `${file}${line === undefined ? '' : `:${line}${column === undefined ? '' : `:${column}`}`}: ${message}`
}

export function configFromText(text: string, file = CONFIG_FILE): Result<SiteConfig, readonly BundleIssue[]> {
  const place = (offset: number): { line: number; column: number } => {
    const before = text.slice(0, offset)
    const line = before.split('\n').length
    return { line, column: offset - before.lastIndexOf('\n') }
  }
  if (Buffer.byteLength(text) > LIMITS.configBytes) {
    return err([{ code: 'config_size', file, message: `the file may have ${LIMITS.configBytes} bytes` }])
  }
  const errors: ParseError[] = []
  const tree = parseTree(text, errors, { allowTrailingComma: true })
  const [first] = errors
  if (first !== undefined || tree === undefined) {
    const what =
      first === undefined ? 'the file is empty' : `this is not JSON: ${wordsOf(printParseErrorCode(first.error))}`
    return err([{ code: 'config_syntax', file, ...place(first?.offset ?? 0), message: what }])
  }
  const config = configFromValue(getNodeValue(tree), (cron) => cronFromText(cron).ok)
  if (config.ok) return config
  return err(
    config.error.map((issue) => ({
      code: issue.code,
      file,
      ...place(nodeOf(tree, issue.path)?.offset ?? 0),
      message: messageOf(issue),
    })),
  )
}

function messageOf({ path, message, code }: ConfigIssue): string {
  const where = path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${key}`))
    .join('')
  return where === '' || code === 'missing' || code === 'unknown_key' || code === 'not_offered'
    ? message
    : `${where} ${message}`
}

/** The value at the path, its key when it has one, or what is nearest above it. */
function nodeOf(tree: Node, path: readonly (string | number)[]): Node | undefined {
  for (let length = path.length; length >= 0; length--) {
    const node = findNodeAtLocation(tree, path.slice(0, length))
    if (node !== undefined) return node.parent?.type === 'property' ? node.parent : node
  }
  return undefined
}

function wordsOf(code: string): string {
  return code.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
}

/** The configuration of the project in `directory`. */
export async function readConfig(directory: string): Promise<Result<SiteConfig, readonly BundleIssue[]>> {
  const path = join(directory, CONFIG_FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return err([
      { code: 'config_missing', file: path, message: `there is no ${CONFIG_FILE}: "interpeer init" makes one` },
    ])
  }
  return configFromText(text, path)
}
