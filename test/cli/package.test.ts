// What `npm pack` gives: JavaScript alone, all that it needs beside it, and a command that runs from it as from the clone.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { runtimeImage } from '#seeder/execute/pool/runtime.ts'
import { olderNode } from '#test/seeder/execute/older-node.ts'
import { interpeer, ROOT, startCommand, type UpReady } from '#test/support/command.ts'

const { dependencies, imports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>
  imports: Record<string, string>
}
const READY_MS = 180_000
const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)["']([^"'\s]+)["']/g

let folder = ''
let installed = ''
const through = (node = process.execPath) => [node, join(installed, 'cli', 'interpeer.js')]

/** The package as npm would lay it down, with the packages of this clone: what npm installs is npm's business. */
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'package-'))
  // A clone of its own, so that nobody's `dist` is made anew under him.
  const clone = join(folder, 'clone')
  for (const path of [
    'cli',
    'docs',
    'examples',
    'gateway',
    'migrations',
    'protocol',
    'seeder',
    'page',
    'package.json',
    'README.md',
    'wrangler.toml',
  ])
    cpSync(join(ROOT, path), join(clone, path), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'))
  const options = { cwd: clone, encoding: 'utf8', env: { ...process.env, HOME: folder } } as const
  const packed = spawnSync('npm', ['pack', '--json', '--silent', '--offline', '--pack-destination', folder], options)
  assert.equal(packed.status, 0, packed.stderr)
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  assert.ok(tarball)
  const lib = join(folder, 'lib', 'node_modules')
  mkdirSync(lib, { recursive: true })
  assert.equal(spawnSync('tar', ['-xzf', join(folder, tarball), '-C', lib]).status, 0)
  installed = join(lib, 'interpeer')
  cpSync(join(lib, 'package'), installed, { recursive: true })
  rmSync(join(lib, 'package'), { recursive: true })
  mkdirSync(join(installed, 'node_modules'))
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(installed, 'node_modules', name)), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', name), join(installed, 'node_modules', name))
  }
})
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

function filesOf(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith('node_modules'))
}

test('the package has no TypeScript to run, no tests and no secrets, and imports only what it depends on and brings', () => {
  const files = filesOf(installed)
  assert.deepEqual(
    files.filter((path) => path.endsWith('.ts') && !path.startsWith('dist/examples/')),
    [],
  )
  assert.deepEqual(
    files.filter((path) => /(^|\/)(test|\.interpeer|\.env)|\.pem$|\.key$|\.sqlite$/.test(path)),
    [],
  )
  const wrong = files
    .filter((path) => /\.(js|ts|tsx)$/.test(path) && !path.includes('/generated/') && !path.endsWith('.config.ts'))
    .flatMap((path) =>
      Array.from(readFileSync(join(installed, path), 'utf8').matchAll(IMPORT), (match) => match[1] ?? '')
        .filter((name) => {
          if (name.startsWith('.'))
            return (
              !existsSync(join(installed, dirname(path), name)) &&
              !path.includes('examples/') &&
              name.endsWith('.js') &&
              !name.includes('dist/')
            )
          if (name.startsWith('#'))
            return (
              imports[`${name.split('/')[0]}/*`] === undefined || !existsSync(join(installed, 'dist', name.slice(1)))
            )
          if (name.startsWith('node:') || name.startsWith('cloudflare:') || builtinModules.includes(name)) return false
          const parts = name.split('/')
          return dependencies[name.startsWith('@') ? `${parts[0]}/${parts[1]}` : (parts[0] ?? '')] === undefined
        })
        .map((name) => `${path} imports ${name}`),
    )
    // Texts that only look like an import: what `init` writes into a new project, messages.
    .filter((line) => !line.startsWith('dist/cli/init/'))
  assert.deepEqual(wrong, [])
})

test('the installed command says what it can, and has the runtime of the clone', async () => {
  const help = await interpeer(['--help'], { through: through(), cwd: folder })
  assert.equal(help.code, 0, help.stderr)
  assert.match(help.stdout, /interpeer <command>[\s\S]*doctor[\s\S]*seed/)
  assert.equal((await interpeer(['init', 'my-site'], { through: through(), cwd: folder })).code, 0)
})

test('of what is native the lock file has the binaries for arm64 too', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { os?: string[]; cpu?: string[]; integrity?: string }>
  }
  assert.ok(dependencies.esbuild && dependencies.workerd)
  for (const name of ['@esbuild/linux-arm64', '@cloudflare/workerd-linux-arm64']) {
    const { os, cpu, integrity = '' } = packages[`node_modules/${name}`] ?? {}
    assert.deepEqual([os, cpu, integrity.slice(0, 7)], [['linux'], ['arm64'], 'sha512-'], name)
  }
})

for (const [name, node] of [
  ['this Node', async () => process.execPath],
  ['the oldest that it says it runs on', olderNode],
] as const)
  test(`the installed command runs a whole network on ${name}: gateway, seeders, the example sites`, async () => {
    const binary = await node()
    const directory = join(folder, `net ${name}`)
    await using up = startCommand(['up', '--dir', directory, '--port', '0', '--seeders', '4', '--target', 'plain'], {
      through: through(binary),
      cwd: folder,
      env: { HOME: folder },
    })
    const { sites, seeders, network } = await up.event<UpReady>('ready', () => true, READY_MS)
    assert.deepEqual(sites.map(({ name }) => name).sort(), ['guestbook', 'welcome', 'wiki'])
    for (const { url } of sites) assert.equal((await fetch(url)).status, 200, url)
    const { code, lines, stdout } = await interpeer(
      ['doctor', '--json', '--dir', seeders[0]?.dir ?? '', '--network', network],
      {
        through: through(binary),
      },
    )
    assert.equal(code, 0, stdout)
    const factsOf = (subject: string) =>
      lines.find((line) => line.subject === subject)?.facts as { ours?: string; node?: string }
    assert.equal(factsOf('runtime').ours, hexFromBytes(runtimeImage()))
    // The seeder's own, not the doctor's.
    assert.equal(factsOf('node').node, execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim())
  })
