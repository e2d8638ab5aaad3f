// `interpeer members`: the holder of the network's key gives a site's group another member, which begins the next epoch (agreement §6).

import { type Command, type CommandContext, NETWORK_OPTION, stringOf } from '#cli/command.ts'
import { EXIT, failed } from '#cli/failure.ts'
import { exchange } from '#cli/network/http.ts'
import { networkPath, newestNetwork } from '#cli/network/place.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { membersByHash } from '#protocol/directory/admission.ts'
import { domainOf, groupOf, type NetworkFile, type NetworkJob } from '#protocol/directory/network-file.ts'
import { peerName, publicKeyFromName } from '#protocol/identity/keys.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { loadSigner } from '#seeder/identity/keys.ts'

export const command: Command = {
  name: 'members',
  summary: "show a site's group, or replace a member of it",
  usage: 'members SITE [--replace PEER [--with PEER]] [--key FILE] [--network FILE] [--json]',
  about:
    'The group hands over by itself: the new member takes the state, runs what came since, and votes from the next epoch. PEER is a key or the beginning of one. --key is the key of the network (DIR/network.pem of `interpeer up --dir DIR`).',
  options: {
    network: NETWORK_OPTION,
    replace: { type: 'string', value: 'PEER', help: 'the member that is to leave' },
    with: { type: 'string', value: 'PEER', help: 'who takes its place (default: by hash, as for a new site)' },
    key: { type: 'string', value: 'FILE', help: "the network's key" },
  },
  positionals: { min: 1, max: 1 },
  examples: ['interpeer members wiki', 'interpeer members wiki --replace 3f0a --key .interpeer/network.pem'],
  run,
}

function peerOf(file: NetworkFile, beginning: string): string {
  const found = file.peers.filter(({ peer }) => peer.startsWith(beginning))
  const [first] = found
  if (first === undefined) throw failed('unknown_peer', `the network has no peer '${beginning}'`)
  if (found.length > 1) throw failed('ambiguous_peer', `'${beginning}' is the beginning of ${found.length} peers`)
  return first.peer
}

function successorOf(file: NetworkFile, job: NetworkJob): string {
  const free = file.peers.filter(({ peer }) => !job.members.includes(peer))
  const [first] = membersByHash(groupOf(job).job, free, 1)
  if (first === undefined) throw failed('too_few_peers', 'every peer of the network is in the group already')
  return first
}

async function run(context: CommandContext): Promise<number> {
  const { output } = context
  const [name] = context.positionals
  const file = await newestNetwork(networkPath(context))
  const job = file.jobs.find((each) => each.name === name)
  if (job === undefined)
    throw failed('unknown_site', `the network has no site '${name}'`, "'interpeer status' lists them.")
  const replace = stringOf(context, 'replace')
  if (replace === undefined) {
    output.event({ event: 'members', name, job: job.job, epoch: job.epoch, members: job.members })
    output.line(`${name}: epoch ${job.epoch}`)
    for (const peer of job.members) output.line(`  ${peer}`)
    return EXIT.ok
  }
  const key = stringOf(context, 'key')
  if (key === undefined) throw failed('no_key', "only the network's key names members: give it with --key FILE")
  const signer = loadSigner(key)
  if (peerName(signer.publicKey) !== file.network_key)
    throw failed('not_the_network_key', `${key} is not the key of this network`)
  const out = peerOf({ ...file, peers: file.peers.filter(({ peer }) => job.members.includes(peer)) }, replace)
  const chosen = stringOf(context, 'with')
  const next = chosen === undefined ? successorOf(file, job) : peerOf(file, chosen)
  if (job.members.includes(next)) throw failed('already_a_member', `${next} is in the group already`)
  const members = job.members.map((peer) => {
    const known = publicKeyFromName(peer === out ? next : peer)
    if (!known.ok) throw failed('unknown_peer', `${peer} is no key`)
    return known.value
  })
  const body = { job: groupOf(job).job, epoch: job.epoch + 1, members, time: Date.now() }
  const statement = signStatement(domainOf(file), 'members', signer, body)
  const answer = await exchange(`${file.admission}/jobs/members`, { method: 'POST', body: cborFromValue(statement) })
  if (answer.status !== 200) {
    const { code, message } = JSON.parse(answer.body.toString('utf8')) as { code: string; message: string }
    throw failed(code, `the network did not take the new group: ${message}`)
  }
  output.event({ event: 'replaced', name, job: job.job, epoch: body.epoch, left: out, joined: next })
  output.line(
    `${output.style.good('✓')} ${name}: epoch ${body.epoch} is to begin, with ${next.slice(0, 12)}… in place of ${out.slice(0, 12)}…`,
  )
  return EXIT.ok
}
