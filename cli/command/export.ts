// `interpeer export`: a site's whole certified state in a file, with the certificate that vouches for it.

import { existsSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Command, type CommandContext, NETWORK_OPTION, stringOf } from '#cli/command.ts'
import { EXIT, Failure, failed, networkFailure } from '#cli/failure.ts'
import { KEY_OPTION, uploaderSigner } from '#cli/key/uploader.ts'
import { exchangeStream, type HttpStream } from '#cli/network/http.ts'
import { membersOf } from '#cli/network/peers.ts'
import { networkPath, newestNetwork } from '#cli/network/place.ts'
import {
  ARCHIVE_BYTES_MAX,
  ARCHIVE_FORMAT,
  type ArchiveFacts,
  createArchiveCheck,
  factsPath,
} from '#cli/publish/archive.ts'
import { base64FromBytes, bytesFromBase64 } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { readCbor } from '#protocol/codec/shape.ts'
import { type Cid, textFromCid } from '#protocol/content/cid.ts'
import { domainOf, groupOf, groupsOf } from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { type Cert, certChecks, certShape, runChecks } from '#protocol/message/certificate.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { verify } from '#seeder/identity/keys.ts'

const CERT_BYTES_MAX = 64 * 1024
/** How long a member may send nothing. */
const EXPORT_IDLE_MS = 60_000

export const command: Command = {
  name: 'export',
  summary: "keep a copy of a site: code, databases, files, with the group's certificate",
  usage: 'export SITE [--to FILE] [--network FILE] [--key FILE] [--json]',
  about:
    'FILE is a CAR that any IPFS tool reads; FILE.json beside it holds the certificate. Members give the state to the key that published the\nsite alone: it holds what visitors trust the site with, sessions above all. Keep the file accordingly.',
  options: {
    network: NETWORK_OPTION,
    key: KEY_OPTION,
    to: { type: 'string', value: 'FILE', help: 'where to write it (default SITE.car)' },
  },
  positionals: { min: 1, max: 1 },
  examples: ['interpeer export wiki --to wiki.car', 'interpeer import wiki.car --name wiki-copy'],
  run,
}

async function run(context: CommandContext): Promise<number> {
  const { output, signal } = context
  const file = await newestNetwork(networkPath(context))
  const [name = ''] = context.positionals
  const job = file.jobs.find((each) => each.name === name)
  if (job === undefined)
    throw failed('unknown_site', `the network has no site '${name}'`, "'interpeer status' lists them.")
  const signer = uploaderSigner(context)
  if (job.uploader !== peerName(signer.publicKey))
    throw failed(
      'not_the_uploader',
      `'${name}' belongs to another key`,
      'Name the key that published it with --key FILE.',
    )
  const path = resolve(stringOf(context, 'to') ?? `${name}.car`)
  if (existsSync(path))
    throw failed('exists', `${path} exists already`, 'Name another file with --to: nothing is ever overwritten.')
  const group = groupOf(job)
  const progress = output.progress('Exporting', 0)
  const part = `${path}.part`
  let last: Failure | undefined
  for (const member of membersOf(file, job)) {
    try {
      const answer = await exchangeStream(`${member.http}/.well-known/interpeer/export/${job.job}`, {
        headers: {
          'interpeer-export': base64FromBytes(
            cborFromValue(signStatement(domainOf(file), 'export', signer, { job: group.job, time: Date.now() })),
          ),
        },
        maxBytes: ARCHIVE_BYTES_MAX,
        timeoutMs: EXPORT_IDLE_MS,
        signal,
      })
      if (answer.status !== 200) {
        answer.destroy()
        last = networkFailure(`${member.peer.slice(0, 12)}… did not export it (status ${answer.status})`)
        continue
      }
      const cert = certOf(answer.headers['interpeer-certificate'])
      const checks =
        cert === undefined
          ? undefined
          : certChecks(domainOf(file), groupsOf(job).find(({ epoch }) => epoch === cert.qc1.epoch) ?? group, cert)
      if (cert === undefined || !checks?.ok || !runChecks(checks.value, verify).ok) {
        answer.destroy()
        last = failed('certificate', `${member.peer.slice(0, 12)}… sent a state without a valid certificate`)
        continue
      }
      const from = `what ${member.peer.slice(0, 12)}… sent`
      await receive(answer, cert.block.state_root, part, from, (done) => progress.at(done))
      const facts: ArchiveFacts = {
        format: ARCHIVE_FORMAT,
        name: job.name,
        job: job.job,
        height: cert.block.height,
        time: cert.block.time,
        stateRoot: textFromCid(cert.block.state_root),
        certificate: String(answer.headers['interpeer-certificate']),
      }
      const { size: bytes } = statSync(part)
      writeFileSync(factsPath(path), `${JSON.stringify(facts, null, 1)}\n`)
      renameSync(part, path)
      progress.end(`${(bytes / 1024).toFixed(0)} KiB`)
      output.event({ event: 'exported', file: path, ...facts, bytes })
      output.line(`${output.style.good('✓')} ${name} at height ${facts.height} is in ${path}`)
      return EXIT.ok
    } catch (cause) {
      rmSync(part, { force: true })
      if (!(cause instanceof Failure) || (cause.exit !== EXIT.network && !cause.code.startsWith('archive'))) throw cause
      // It broke off, or what came is not the state that was certified: the next member has it too.
      last = cause
    }
  }
  throw last ?? networkFailure(`no member of '${name}' is known`)
}

/** Writes the state to the file as it comes, each block checked before it is written, and the tree at the end. */
async function receive(
  answer: HttpStream,
  root: Cid,
  path: string,
  what: string,
  onBytes: (done: number) => void,
): Promise<void> {
  rmSync(path, { force: true })
  const check = createArchiveCheck(path, root, what)
  await using file = await open(path, 'wx', 0o600)
  let done = 0
  for await (const piece of answer.body) {
    check.push(piece)
    await file.writeFile(piece)
    done += piece.length
    onBytes(done)
  }
  await file.sync()
  check.finish()
}

function certOf(header: string | string[] | undefined): Cert | undefined {
  const bytes = typeof header === 'string' ? bytesFromBase64(header) : undefined
  if (!bytes?.ok) return undefined
  const cert = readCbor(certShape, bytes.value, CERT_BYTES_MAX)
  return cert.ok ? cert.value : undefined
}
