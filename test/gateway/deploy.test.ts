// What a deployment rests on: wrangler takes the configuration without a network, and the migrations are the schema.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '..', '..')
const directory = mkdtempSync(join(tmpdir(), 'interpeer-deploy-'))
after(() => rmSync(directory, { recursive: true }))

const env = {
  ...process.env,
  HOME: directory,
  XDG_CONFIG_HOME: join(directory, 'config'),
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_WRITE_LOGS: 'false',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  CI: '1',
}

test('wrangler deploy --dry-run bundles the Worker with its bindings', async () => {
  const wrangler = join(ROOT, 'node_modules', 'wrangler', 'bin', 'wrangler.js')
  const { stdout } = await run(
    process.execPath,
    [wrangler, 'deploy', '--dry-run', '--outdir', join(directory, 'out')],
    {
      cwd: ROOT,
      env,
    },
  )
  for (const binding of ['env.DB', 'env.REGISTER_LIMIT', 'env.CARRY_LIMIT', 'env.PUBLIC_URL', 'env.NETWORK_KEY'])
    assert(stdout.includes(binding), stdout)
  assert(readdirSync(join(directory, 'out')).includes('worker.js'))
})

test('the migrations are what the schema asks for: another one would be empty', async () => {
  const kit = join(ROOT, 'node_modules', 'drizzle-kit', 'bin.cjs')
  const copy = join(directory, 'migrations')
  cpSync(join(ROOT, 'migrations'), copy, { recursive: true })
  const before = readdirSync(copy)
  const options = ['--dialect', 'sqlite', '--schema', join(ROOT, 'gateway', 'store', 'schema.ts'), '--out', copy]
  await run(process.execPath, [kit, 'generate', ...options], { cwd: directory, env })
  assert.deepEqual(readdirSync(copy), before)
})
