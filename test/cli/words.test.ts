// The words of the command and its exit codes, as a script meets them before any network is there.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startAdmission, writeNetworkFile } from '#cli/admission/server.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { ephemeralSigner } from '#seeder/identity/keys.ts'
import { interpeer, ROOT } from '#test/support/command.ts'
import { testNetwork } from '#test/support/network.ts'

const COMMANDS = [
  'init',
  'dev',
  'publish',
  'members',
  'unpublish',
  'export',
  'import',
  'status',
  'logs',
  'verify',
  'seed',
  'dashboard',
  'gateway',
  'deny',
  'doctor',
  'support-bundle',
  'up',
] as const
const folder = mkdtempSync(join(tmpdir(), 'words-'))
after(() => rmSync(folder, { recursive: true }))
const home = join(folder, 'home')
mkdirSync(home)
const options = { cwd: folder, env: { HOME: home, XDG_CONFIG_HOME: '' } }

test('F31 --help names every command and the exit codes', async () => {
  const { code, stdout } = await interpeer(['--help'], options)
  assert.equal(code, 0)
  for (const name of COMMANDS) assert.match(stdout, new RegExp(`^  ${name} `, 'm'))
  assert.match(stdout, /0 done, 1 failed, 2 wrong usage, 3 network, 130 interrupted/)
})

for (const name of COMMANDS)
  test(`F31 ${name} --help says what it does and every option`, async () => {
    const { code, stdout, stderr } = await interpeer([name, '--help'], options)
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    assert.match(stdout, new RegExp(`^interpeer ${name}`))
    assert.match(stdout, /--json/)
    assert.match(stdout, /Examples:/)
    assert.deepEqual(
      stdout.split('\n').filter((line) => line.length > 80),
      [],
      'a terminal of 80 columns shows it',
    )
  })

const WRONG: readonly (readonly string[])[] = [
  [],
  ['frobnicate'],
  ['constructor'],
  ['status', '--frobnicate'],
  ['status', 'one', 'two'],
  ['status', '--network'],
  ['init'],
  ['init', 'Not A Name'],
  ['init', 'x', '--template', 'nothing'],
  ['up', '--port', 'http'],
  ['up', '--port', '65536'],
  ['up', '--seeders', '2'],
  ['up', '--target', 'cloud'],
  ['seed'],
  ['deny'],
  ['gateway'],
  ['gateway', '--dir', 'wrong', '--on', 'deno'],
  ['gateway', '--dir', 'wrong', '--control-port', 'http'],
  ['gateway', '--dir', 'wrong', '--log-level', 'loud'],
  ['gateway', '--dir', 'wrong', '--log-form', 'xml'],
  ['gateway', '--dir', 'wrong', '--on', 'workerd', '--log-level', 'warn'],
  ['gateway', '--dir', 'wrong', '--public-url', 'gateway.example'],
  ['gateway', '--dir', 'wrong', '--addresses', 'here'],
  ['gateway', '--dir', 'wrong', '--names-tls', 'h2'],
  ['gateway', '--dir', 'wrong', '--addresses', '192.0.2.1', '--names-tls', '1'],
  ['seed', '--dir', 'wrong', '--label', 'A_B'],
  ['seed', '--dir', 'wrong', '--target', 'cloud'],
  ['seed', '--dir', 'wrong', '--log-level', 'loud'],
  ['seed', '--dir', 'wrong', '--https-name', 's1.example.org'],
  ['seed', '--dir', 'wrong', '--https-name', '192.0.2.1', '--acme', 'https://acme.example/directory'],
  ['seed', '--dir', 'wrong', '--https-name', 's1.example.org', '--acme', 'somebody'],
  ['seed', '--dir', 'wrong', '--location', 'Germany'],
  ['gateway', '--dir', 'wrong', '--position', 'here'],
  ['support-bundle'],
  ['dashboard'],
  ['doctor', '--dir', 'no-such-folder'],
  ['dev', 'no-such-folder'],
  ['verify'],
  ['verify', 'http://127.0.0.1:1/', '--from', 'a'],
  ['import', 'x.car'],
  ['status', '--network', 'no-such-file.json'],
  ['publish', '--network', 'no-such-file.json'],
]
test('§6 wrong words end with exit code 2 and say what is right', async () => {
  for (const words of WRONG) {
    const { code, stderr } = await interpeer(words, options)
    assert.equal(code, 2, `interpeer ${words.join(' ')}`)
    if (words.length > 0) assert.match(stderr, /^interpeer: .+/, `interpeer ${words.join(' ')}`)
  }
  assert.equal(existsSync(join(folder, 'wrong')), false, 'and leave nothing behind')
})

test('§6 with --json an error is one JSON line on standard output', async () => {
  const { code, lines, stderr } = await interpeer(['status', '--network', 'no-such-file.json', '--json'], options)
  assert.deepEqual({ code, stderr }, { code: 2, stderr: '' })
  const [line, ...more] = lines
  assert.deepEqual(more, [])
  assert.deepEqual(Object.keys(line ?? {}).sort(), ['code', 'event', 'message', 'remedy'])
  assert.equal(line?.code, 'usage')
})

test('§6 a network that nobody answers for ends with exit code 3, a network file that was changed with 1', async () => {
  const path = join(folder, 'silent.json')
  const unused = 'http://127.0.0.1:1'
  const { text, file } = testNetwork({
    sites: [{ name: 'wiki', members: ['a', 'b', 'c', 'd'] }],
    admission: unused,
    gateways: [unused],
  })
  writeFileSync(path, text)
  const here = ['--network', path]
  assert.equal((await interpeer(['status', ...here], options)).code, 3)
  assert.equal((await interpeer(['logs', 'wiki', ...here], options)).code, 3)
  assert.equal((await interpeer(['verify', `${unused}/wiki/`, ...here], options)).code, 3)
  assert.equal((await interpeer(['logs', 'nothing', ...here], options)).code, 1)
  writeFileSync(path, text.replace(file.jobs[0]?.name ?? '', 'other'))
  assert.equal((await interpeer(['status', ...here], options)).code, 1)
})

test('the network file of a folder above is found, as is the one that the environment names', async () => {
  const signer = ephemeralSigner()
  const above = join(folder, 'above')
  const below = join(above, 'a', 'b')
  mkdirSync(join(above, '.interpeer', 'local'), { recursive: true })
  mkdirSync(below, { recursive: true })
  const path = join(above, '.interpeer', 'local', 'network.json')
  const { file } = testNetwork({ sites: [] })
  await using admission = await startAdmission({
    path,
    file: { ...file, network_key: peerName(signer.publicKey) },
    signer,
    port: 0,
  })
  writeNetworkFile(path, admission.change({ admission: admission.url }))
  const found = await interpeer(['status', '--json'], { ...options, cwd: below })
  assert.equal(found.code, 0, found.stderr)
  const named = await interpeer(['status', '--json'], { ...options, env: { ...options.env, INTERPEER_NETWORK: path } })
  assert.deepEqual(named.lines, found.lines)
})

test('init writes a site of each template, and never over anything', async () => {
  for (const template of ['hello', 'hono', 'files']) {
    const site = join(folder, `a-${template}`)
    const made = await interpeer(['init', site, '--template', template, '--json'], options)
    assert.equal(made.code, 0, made.stderr)
    assert.equal(made.lines[0]?.event, 'created')
    assert.match(readFileSync(join(site, 'interpeer.jsonc'), 'utf8'), new RegExp(`"name": "a-${template}"`))
    const before = readdirSync(site, { recursive: true })
    assert.equal((await interpeer(['init', site], options)).code, 1)
    assert.deepEqual(readdirSync(site, { recursive: true }), before)
  }
})

test('npx interpeer works from the root of a clone, with the same exit codes', async () => {
  const npx = { ...options, cwd: ROOT, through: ['npx', '--no-install', 'interpeer'] }
  const version = await interpeer(['--help'], npx)
  assert.equal(version.code, 0, version.stderr)
  assert.match(version.stdout, /^interpeer <command>/)
  assert.equal((await interpeer(['frobnicate'], npx)).code, 2)
  assert.equal((await interpeer(['init', join(folder, 'a-hello')], npx)).code, 1)
})

test('nothing of this made a file in the home directory', () => {
  const made = readdirSync(home, { recursive: true }).map(String)
  // npm keeps a cache and a log of its own there.
  assert.deepEqual(
    made.filter((name) => !name.startsWith('.npm')),
    [],
  )
  assert.equal(existsSync(join(home, '.config')), false)
})
