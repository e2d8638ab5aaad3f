// Makes `dist/` for the npm package: the program file by file as JavaScript, because Node runs no TypeScript that lies in `node_modules`.
// Plain JavaScript, so that any Node that runs npm runs it: `npm pack` does, by the script `prepack`.
//
//   cli, gateway, protocol, seeder  ──esbuild, one file from one file──>  dist/…, `.ts` in what they import is `.js`
//   migrations, examples, wrangler.toml, generated guest, scripts  ──────> dist/…, as they are
//
// Invariant: below `dist/` everything lies where it lies in the clone, so that no path in the program has to know which of the two it is.

import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const dist = join(root, 'dist')
const PROGRAM = ['cli', 'gateway', 'page', 'protocol', 'seeder']
/** Run in a clone only: what builds, and what esbuild bundles into a script of its own. */
const LEFT_OUT = [
  /^seeder\/execute\/guest\//,
  /^seeder\/execute\/guest-build\.ts$/,
  /^page\/bar\/(?:browser\/|build\.ts$)/,
  /\/drizzle\.config\.ts$/,
  /^cli\/package\//,
  /\.d\.ts$/,
]
const AS_THEY_ARE = ['migrations', 'examples', 'seeder/execute/generated', 'gateway/local/workerd.sh', 'LICENSE']
/** Files that the program starts by their names. */
const STARTED = {
  'cli/up/local-network.ts': ['main.ts'],
  'gateway/local/start.ts': ['prepare.ts'],
  'seeder/execute/pool/lane.ts': ['./worker.ts'],
}

function sources() {
  return PROGRAM.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name))),
  ).filter((path) => !LEFT_OUT.some((pattern) => pattern.test(path)))
}

/** Nothing is bundled: each file imports what it imported, by its new name. */
const beside = {
  name: 'beside',
  setup(builder) {
    builder.onResolve({ filter: /.*/ }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path: path.replace(/^([#.].*)\.ts$/, '$1.js'), external: true },
    )
    builder.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      let contents = readFileSync(path, 'utf8')
      for (const name of STARTED[relative(root, path)] ?? []) {
        if (!contents.includes(`'${name}'`)) throw new Error(`${path} starts no '${name}' any more`)
        contents = contents.replaceAll(`'${name}'`, `'${name.replace(/\.ts$/, '.js')}'`)
      }
      return { contents, loader: 'ts' }
    })
  },
}

rmSync(dist, { recursive: true, force: true })
await build({
  absWorkingDir: root,
  entryPoints: sources(),
  outbase: root,
  outdir: dist,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  // Both of the oldest and newest Node that this runs on have it; esbuild does not know yet.
  supported: { using: true },
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [beside],
})
for (const path of AS_THEY_ARE) {
  const from = join(root, path)
  if (statSync(from, { throwIfNoEntry: false }) === undefined) continue
  mkdirSync(dirname(join(dist, path)), { recursive: true })
  cpSync(from, join(dist, path), { recursive: true })
}
chmodSync(join(dist, 'gateway', 'local', 'workerd.sh'), 0o755)
const worker = readFileSync(join(root, 'wrangler.toml'), 'utf8')
if (!worker.includes('gateway/worker.ts')) throw new Error('wrangler.toml names gateway/worker.ts')
writeFileSync(join(dist, 'wrangler.toml'), worker.replace('gateway/worker.ts', 'gateway/worker.js'))
const { name, version, type, imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const here = Object.fromEntries(Object.entries(imports).filter(([key]) => PROGRAM.includes(key.slice(1, -2))))
writeFileSync(
  join(dist, 'package.json'),
  `${JSON.stringify({ name, version, type, private: true, imports: here }, null, 2)}\n`,
)
process.stderr.write(`dist: ${sources().length} files\n`)
