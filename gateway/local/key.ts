// The local gateway's own key: PKCS #8 PEM in a file of mode 0600, made at the first start. What `wrangler secret put
// GATEWAY_KEY` takes for a real one is the same text.

import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

/** The PEM of the key; whole or not at all, also when two processes make it at once. Throws when the file holds no key. */
export function gatewayKey(file: string): string {
  const pem = existing(file) ?? made(file)
  createPrivateKey(pem)
  return pem
}

function existing(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw cause
  }
}

function made(file: string): string {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
  writeFileSync(draft, pem, { mode: 0o600, flag: 'wx', flush: true })
  try {
    linkSync(draft, file)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
  } finally {
    rmSync(draft)
  }
  return readFileSync(file, 'utf8')
}
