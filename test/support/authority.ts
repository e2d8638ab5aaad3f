// An authority of one test: its own certificate, and those that it gives for hosts. Made here, so that a machine needs nothing for it but Node.

import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type PublicKeyType,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000

export type Given = { readonly certificate: string; readonly key: string }
export type Life = { readonly notBefore?: number; readonly notAfter?: number }

export type Authority = {
  /** PEM, to be trusted. */
  readonly certificate: string
  /** With a key of its own; chain and key as PEM. */
  give(hosts: readonly string[], life?: Life): Promise<Given>
  /** For a key that somebody else has; the chain as PEM. */
  giveFor(publicKey: PublicKeyType, hosts: readonly string[], life?: Life): Promise<string>
}

type KeyPair = { readonly publicKey: CryptoKey; readonly privateKey: CryptoKey }

async function keyPair(): Promise<KeyPair> {
  return (await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify'])) as KeyPair
}

async function pemOf(key: CryptoKey): Promise<string> {
  const bytes = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${bytes.replaceAll(/(.{64})/g, '$1\n').trim()}\n-----END PRIVATE KEY-----\n`
}

let serial = 1

export async function createAuthority(): Promise<Authority> {
  const keys = await keyPair()
  const now = Date.now()
  const own = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=Authority of a test',
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + 30 * DAY_MS),
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
    ],
  })
  const giveFor: Authority['giveFor'] = async (publicKey, hosts, life = {}) => {
    const leaf = await X509CertificateGenerator.create({
      serialNumber: (++serial).toString(16).padStart(4, '0'),
      subject: `CN=${hosts[0] ?? 'nobody'}`,
      issuer: own.subject,
      notBefore: new Date(life.notBefore ?? Date.now() - DAY_MS),
      notAfter: new Date(life.notAfter ?? Date.now() + 10 * DAY_MS),
      signingAlgorithm: SIGNING,
      publicKey,
      signingKey: keys.privateKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(hosts.map((value) => ({ type: 'dns' as const, value }))),
      ],
    })
    return `${leaf.toString('pem')}\n${own.toString('pem')}\n`
  }
  return {
    certificate: `${own.toString('pem')}\n`,
    giveFor,
    async give(hosts, life) {
      const pair = await keyPair()
      return { certificate: await giveFor(pair.publicKey, hosts, life), key: await pemOf(pair.privateKey) }
    },
  }
}
