// `interpeer unpublish`: the uploader ends a site.

import { type Command, type CommandContext, flagOf, NETWORK_OPTION } from '#cli/command.ts'
import { EXIT, failed } from '#cli/failure.ts'
import { KEY_OPTION, uploaderSigner } from '#cli/key/uploader.ts'
import { exchange } from '#cli/network/http.ts'
import { networkPath, newestNetwork } from '#cli/network/place.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { domainOf, groupOf } from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { signStatement } from '#protocol/message/domain.ts'

export const command: Command = {
  name: 'unpublish',
  summary: 'end a site: its members forget it, with all that visitors wrote',
  usage: 'unpublish SITE --yes [--network FILE] [--key FILE] [--json]',
  about: "There is no way back: 'interpeer export' keeps a copy of the site's state first.",
  options: { network: NETWORK_OPTION, key: KEY_OPTION, yes: { type: 'boolean', help: 'really' } },
  positionals: { min: 1, max: 1 },
  examples: ['interpeer export my-site --to my-site.car', 'interpeer unpublish my-site --yes'],
  run,
}

async function run(context: CommandContext): Promise<number> {
  const { output } = context
  const [name] = context.positionals
  const signer = uploaderSigner(context)
  const file = await newestNetwork(networkPath(context))
  const job = file.jobs.find((each) => each.name === name)
  if (job === undefined)
    throw failed('unknown_site', `the network has no site '${name}'`, "'interpeer status' lists them.")
  if (job.uploader !== peerName(signer.publicKey))
    throw failed(
      'not_the_uploader',
      `'${name}' belongs to another key`,
      'Name the key that published it with --key FILE.',
    )
  if (!flagOf(context, 'yes')) {
    throw failed(
      'not_confirmed',
      `this would end '${name}' and everything visitors wrote there`,
      `Keep a copy with 'interpeer export ${name} --to FILE', then say --yes.`,
    )
  }
  const statement = signStatement(domainOf(file), 'job_end', signer, { job: groupOf(job).job, time: Date.now() })
  const answer = await exchange(`${file.admission}/jobs/end`, { method: 'POST', body: cborFromValue(statement) })
  if (answer.status !== 200) {
    const { code, message } = JSON.parse(answer.body.toString('utf8')) as { code: string; message: string }
    throw failed(code, `the network did not end '${name}': ${message}`)
  }
  output.event({ event: 'unpublished', name, job: job.job })
  output.line(`${output.style.good('✓')} ${name} is ended`)
  return EXIT.ok
}
