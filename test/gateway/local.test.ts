import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { testNetwork } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'gateway', 'local', 'main.ts')
const root = mkdtempSync(join(tmpdir(), 'interpeer-local-'))
const network = testNetwork({ sites: [{ name: 'wiki', members: ['ana', 'ben', 'cleo', 'dan'] }] })
const networkFile = join(root, 'network.json')
writeFileSync(networkFile, network.text)
after(() => rmSync(root, { recursive: true }))

function options(name: string): string {
  return JSON.stringify({ port: 0, directory: join(root, name), networkKey: network.file.network_key, networkFile })
}

async function readyLine(child: ChildProcess): Promise<{ event: string; url: string }> {
  let text = ''
  child.stdout?.on('data', (chunk) => {
    text += chunk
  })
  const line = await until('a ready line', () => {
    assert.equal(child.exitCode, null, 'it ended before it was ready')
    return text.includes('\n') && text
  })
  return JSON.parse(line) as { event: string; url: string }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  )
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)))
}

test('a child process says one ready line, serves, and ends on SIGTERM', async () => {
  const child = spawn(process.execPath, [MAIN, options('term')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { event, url } = await readyLine(child)
  assert.equal(event, 'ready')
  assert.equal((await fetch(`${url}/wiki/`)).status, 503)
  const exit = exitOf(child)
  child.kill('SIGTERM')
  assert.equal(await exit, 0)
  assert.equal(await answers(url), false)
})

test('a killed gateway process takes workerd with it', async () => {
  const child = spawn(process.execPath, [MAIN, options('kill')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { url } = await readyLine(child)
  child.kill('SIGKILL')
  await until('workerd is gone', async () => !(await answers(url)))
})

test('it ends when the standard input that brought its options ends', async () => {
  const child = spawn(process.execPath, [MAIN], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin?.write(`${options('stdin')}\n`)
  const { url } = await readyLine(child)
  const exit = exitOf(child)
  child.stdin?.end()
  assert.equal(await exit, 0)
  assert.equal(await answers(url), false)
})

test('it ends when its parent was killed', async () => {
  const script = `
    const child = require('node:child_process').spawn(process.execPath, [${JSON.stringify(MAIN)}, ${JSON.stringify(options('orphan'))}], { stdio: ['ignore', 'inherit', 'inherit'] })
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { url } = await readyLine(parent)
  parent.kill('SIGKILL')
  await until('the orphan is gone', async () => !(await answers(url)))
})

test('without the kernel’s help a watcher ends workerd when its parent is gone', async () => {
  // A PATH without setpriv, and workerd played by a shell that sleeps.
  const bin = mkdtempSync(join(root, 'bin-'))
  for (const tool of ['sleep', 'sh'])
    writeFileSync(join(bin, tool), `#!/bin/sh\nexec ${execFileSync('which', [tool]).toString().trim()} "$@"\n`, {
      mode: 0o755,
    })
  writeFileSync(join(bin, 'workerd'), '#!/bin/sh\necho "$$"\nexec sleep 60\n', { mode: 0o755 })
  const guard = join(MAIN, '..', 'workerd.sh')
  const script = `
    require('node:child_process').spawn(${JSON.stringify(guard)}, ['serve'], { stdio: ['pipe', 'inherit', 'inherit'] })
    setInterval(() => {}, 1000)`
  const env = { ...process.env, PATH: bin, INTERPEER_WORKERD: join(bin, 'workerd') }
  const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'], env })
  let text = ''
  parent.stdout?.on('data', (chunk) => {
    text += chunk
  })
  const pid = Number(await until('workerd’s process id', () => text.includes('\n') && text))
  parent.kill('SIGKILL')
  await until('workerd is gone', () => !isAlive(pid))
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('a port that is taken is said, and nothing is left running', async () => {
  const first = spawn(process.execPath, [MAIN, options('first')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { url } = await readyLine(first)
  const given = { ...(JSON.parse(options('second')) as object), port: Number(new URL(url).port) }
  const second = spawn(process.execPath, [MAIN, JSON.stringify(given)], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  second.stderr?.on('data', (chunk) => {
    said += chunk
  })
  assert.equal(await exitOf(second), 1)
  assert.match(said, /Address already in use/)
  assert(await answers(url))
  const exit = exitOf(first)
  first.kill('SIGTERM')
  await exit
})

test('everything it keeps lies in its directory', async () => {
  const home = mkdtempSync(join(root, 'home-'))
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: '', XDG_CACHE_HOME: '', TMPDIR: join(home, 'tmp') }
  const child = spawn(process.execPath, [MAIN, options('kept')], { stdio: ['ignore', 'pipe', 'inherit'], env })
  await readyLine(child)
  const exit = exitOf(child)
  child.kill('SIGTERM')
  await exit
  assert.deepEqual(readdirSync(home), [])
  assert(readFileSync(join(root, 'kept', 'gateway.key'), 'utf8').startsWith('-----BEGIN PRIVATE KEY-----'))
})
