// `interpeer init`: a new site in a folder of its own.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import process from 'node:process'
import { type Command, type CommandContext, stringOf } from '#cli/command.ts'
import { EXIT, failed, usageFailure } from '#cli/failure.ts'
import { TEMPLATES } from '#cli/init/templates.ts'
import { RESERVED_NAMES } from '#protocol/directory/admission.ts'
import { SITE_NAME } from '#protocol/directory/network-file.ts'

export const command: Command = {
  name: 'init',
  summary: 'begin a new site in a folder of its own',
  usage: 'init FOLDER [--template NAME] [--name SITE]',
  about: `Templates: ${Object.entries(TEMPLATES)
    .map(([name, template]) => `${name} (${template.summary})`)
    .join('; ')}.`,
  options: {
    template: { type: 'string', value: 'NAME', help: `${Object.keys(TEMPLATES).join(', ')} (default hello)` },
    name: { type: 'string', value: 'SITE', help: "the site's name (default: the folder's)" },
  },
  positionals: { min: 1, max: 1 },
  examples: ['interpeer init my-site', 'interpeer init blog --template hono'],
  run,
}

async function run(context: CommandContext): Promise<number> {
  const { output } = context
  const folder = resolve(context.positionals[0] ?? '.')
  const name = stringOf(context, 'name') ?? basename(folder).toLowerCase()
  if (!SITE_NAME.test(name)) {
    throw usageFailure(
      `'${name}' cannot be a site's name`,
      'Names have 1 to 63 of a–z, 0–9 and hyphens, none at either end. Choose one with --name.',
    )
  }
  if (RESERVED_NAMES.has(name))
    throw usageFailure(`'${name}' is a name that gateways need themselves`, 'Choose another one with --name.')
  const wanted = stringOf(context, 'template') ?? 'hello'
  const template = Object.hasOwn(TEMPLATES, wanted) ? TEMPLATES[wanted] : undefined
  if (template === undefined)
    throw usageFailure(`there is no template '${wanted}'`, `Templates: ${Object.keys(TEMPLATES).join(', ')}.`)
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw failed('not_empty', `${folder} is not empty`, 'Name a new folder: nothing is ever overwritten.')

  const files = template.files(name)
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text, { flag: 'wx' })
  }
  output.event({ event: 'created', folder, name, template: wanted, files: Object.keys(files) })
  const below = relative(process.cwd(), folder) || '.'
  const here = below.startsWith('..') ? folder : below
  output.line(`${output.style.good('✓')} ${name} is in ${here}`)
  output.line()
  output.line('Next:')
  if (here !== '.') output.line(`  cd ${here}`)
  if (Object.hasOwn(files, 'package.json')) output.line('  npm install')
  output.line('  npx interpeer dev        four replicas here, reload on save')
  output.line('  npx interpeer publish    on the network')
  return EXIT.ok
}
