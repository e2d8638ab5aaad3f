// What a crawler has to find, from the source tree alone: its pages, the address of each, and those to which links lead from the start page.

import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { type DefaultTreeAdapterTypes, parse } from 'parse5'

export type Tree = {
  /** Addresses of its pages, `/…`. */
  readonly pages: ReadonlySet<string>
  /** Those that links lead to from the start page, itself included. */
  readonly linked: ReadonlySet<string>
  /** Those that any page names; itself too, as `#part` does, but not by an empty link. */
  readonly named: ReadonlySet<string>
  /** Addresses of its other files. */
  readonly files: ReadonlySet<string>
  /** Pages whose own canonical address is a place in somebody's file system. */
  readonly onDisk: number
}

const START = '/'
const LINKING = new Set(['a', 'area', 'link'])
/** Against which paths are resolved; nobody is asked. */
const ORIGIN = 'http://tree.invalid'

/** Where a file of the tree stands on the site (`auto-trailing-slash`). */
export function addressOf(path: string): string {
  if (path.endsWith('/index.html')) return spelled(path.slice(0, -'index.html'.length))
  return spelled(path.endsWith('.html') ? path.slice(0, -'.html'.length) : path)
}

/** The path of an address, of which a program may have escaped more or less than another. */
export function spelled(path: string): string {
  return encodeURI(path).replaceAll('?', '%3F').replaceAll('#', '%23')
}

type Page = { readonly links: readonly string[]; readonly onDisk: boolean }

function pageOf(text: string): Page {
  const links: string[] = []
  let onDisk = false
  const visit = (node: DefaultTreeAdapterTypes.Node): void => {
    if ('attrs' in node && LINKING.has(node.nodeName)) {
      const attributes = new Map(node.attrs.map(({ name, value }) => [name, value]))
      const href = attributes.get('href') ?? ''
      if (attributes.get('rel') === 'canonical') onDisk ||= href.startsWith('file:')
      // Empty, it is the page itself, and some crawlers do not ask.
      else if (href !== '') links.push(href)
    }
    if ('childNodes' in node) node.childNodes.forEach(visit)
  }
  visit(parse(text))
  return { links, onDisk }
}

/** A link of a page that is found under `base`, as the address to which the site's redirects lead; undefined: it leads elsewhere, or is none. */
function targetOf(link: string, base: string): string | undefined {
  if (!URL.canParse(link, base)) return undefined
  const { origin, pathname } = new URL(link, base)
  return origin === ORIGIN ? addressOf(decodeURIComponent(pathname)) : undefined
}

export function readTree(folder: string): Tree {
  const pathByAddress = new Map<string, string>()
  const files = new Set<string>()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const address = addressOf(`/${relative(folder, path)}`)
    if (entry.name.endsWith('.html')) pathByAddress.set(address, path)
    else files.add(address)
  }
  const pages = new Map([...pathByAddress].map(([address, path]) => [address, pageOf(readFileSync(path, 'utf8'))]))
  const targetsOf = (address: string): readonly string[] =>
    (pages.get(address)?.links ?? []).flatMap((link) => {
      const target = targetOf(link, ORIGIN + address)
      return target !== undefined && pages.has(target) ? [target] : []
    })
  const linked = new Set([START])
  // A set is walked to those that come while it is walked.
  for (const address of linked) for (const target of targetsOf(address)) linked.add(target)
  return {
    pages: new Set(pages.keys()),
    linked,
    named: new Set([...pages.keys()].flatMap(targetsOf)),
    files,
    onDisk: [...pages.values()].filter(({ onDisk }) => onDisk).length,
  }
}
