// Bare Ed25519 of the same Node: what a signature and a verification cost, µs of CPU.

import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import { answering } from './answer.ts'

/** As long as a signed statement is. */
const MESSAGE_BYTES = 300

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const message = randomBytes(MESSAGE_BYTES)
const signature = sign(null, message, privateKey)

function cpuUs(count: number, work: () => unknown): number {
  const before = process.cpuUsage()
  for (let index = 0; index < count; index++) work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

answering({}, (question) => {
  const { count } = question as { readonly count: number }
  return {
    signUs: cpuUs(count, () => sign(null, message, privateKey)),
    verifyUs: cpuUs(count, () => verify(null, message, publicKey, signature)),
  }
})
