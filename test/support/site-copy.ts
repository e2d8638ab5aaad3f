// A site of the tests with files beside its script: a copy of its folder on disk, to be published from there.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'jsonc-parser'

export type SiteCopy = Disposable & { readonly folder: string }

/** The site at `from`, which serves these files too, by their names; its configuration is otherwise as it was. */
export function siteWithFiles(from: string, files: Readonly<Record<string, string | Uint8Array>>): SiteCopy {
  const folder = mkdtempSync(join(tmpdir(), 'interpeer-site-copy-'))
  cpSync(from, folder, { recursive: true })
  const config = join(folder, 'interpeer.jsonc')
  const written = parse(readFileSync(config, 'utf8')) as object
  writeFileSync(config, JSON.stringify({ ...written, assets: { directory: 'public' } }))
  mkdirSync(join(folder, 'public'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, 'public', name), content)
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}
