// `interpeer import`: an exported site becomes a new one that begins with its data.

import { resolve } from 'node:path'
import { progressOf, sayPublished } from '#cli/command/publish.ts'
import { type Command, type CommandContext, NETWORK_OPTION, stringOf } from '#cli/command.ts'
import { EXIT, failed, usageFailure } from '#cli/failure.ts'
import { KEY_OPTION, uploaderSigner } from '#cli/key/uploader.ts'
import { membersOf, seederReport } from '#cli/network/peers.ts'
import { networkPath, newestNetwork } from '#cli/network/place.ts'
import { openArchive } from '#cli/publish/archive.ts'
import { publishSite, SITE_NAME_WORDS } from '#cli/publish/publish.ts'
import { EMPTY_DIRECTORY, textFromCid } from '#protocol/content/cid.ts'
import { type NetworkFile, SITE_NAME } from '#protocol/directory/network-file.ts'

export const command: Command = {
  name: 'import',
  summary: 'publish an exported site anew: its databases and files, under a name of yours',
  usage: 'import FILE --name SITE [--folder FOLDER] [--network FILE] [--key FILE] [--json]',
  about:
    'The data comes from FILE; the code too, unless FOLDER has other code for it. The new site has a job, a group and an uploader of its own.',
  options: {
    network: NETWORK_OPTION,
    key: KEY_OPTION,
    name: { type: 'string', value: 'SITE', help: "the new site's name" },
    folder: { type: 'string', value: 'FOLDER', help: 'take the code from this folder' },
  },
  positionals: { min: 1, max: 1 },
  examples: ['interpeer import wiki.car --name wiki-copy'],
  run,
}

/** The data of a site that has code already stays as it is, whatever is published: nobody is to believe that it was put back. */
async function refuseLiving(file: NetworkFile, name: string): Promise<void> {
  const job = file.jobs.find((each) => each.name === name)
  if (job === undefined) return
  const none = textFromCid(EMPTY_DIRECTORY)
  const reports = await Promise.all(membersOf(file, job).map(seederReport))
  const isLiving = reports.some((report) =>
    report?.sites.some((site) => site.job === job.job && site.codeRoot !== undefined && site.codeRoot !== none),
  )
  if (isLiving)
    throw failed(
      'site_exists',
      `'${name}' is there already, and an import begins a new site`,
      `Choose another --name. Or end it first, with all that it holds: 'interpeer unpublish ${name} --yes'.`,
    )
}

async function run(context: CommandContext): Promise<number> {
  const { output, signal } = context
  const name = stringOf(context, 'name')
  if (name === undefined || !SITE_NAME.test(name))
    throw usageFailure(
      name === undefined ? 'the new site needs a name' : `'${name}' cannot be the name of a site: ${SITE_NAME_WORDS}`,
      'interpeer import FILE --name SITE',
    )
  const reading = output.progress('Checking', 1)
  const archive = await openArchive(resolve(context.positionals[0] ?? ''), (done, total) => reading.at(done / total))
  reading.end('whole')
  const path = networkPath(context)
  await refuseLiving(await newestNetwork(path), name)
  const folder = stringOf(context, 'folder')
  const published = await publishSite({
    folder: folder === undefined ? { name, code: archive.code } : resolve(folder),
    data: archive.data,
    name,
    network: () => newestNetwork(path),
    signer: uploaderSigner(context),
    signal,
    progress: progressOf(output),
  })
  const { job: from, height: fromHeight, name: fromName } = archive.facts
  output.event({ event: 'imported', name, job: published.job, from, fromHeight })
  output.line(`${output.style.good('✓')} ${name} goes on from height ${fromHeight} of ${fromName}`)
  await sayPublished(output, published, 'Published', signal)
  return EXIT.ok
}
