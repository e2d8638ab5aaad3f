// The uploader's key: made once, said once that it must be kept, never written again.

import { existsSync } from 'node:fs'
import type { CommandContext } from '#cli/command.ts'
import { failed } from '#cli/failure.ts'
import { uploaderKeyPath } from '#cli/network/place.ts'
import type { Output } from '#cli/terminal/output.ts'
import { peerName, type Signer } from '#protocol/identity/keys.ts'
import { KeyFileError, loadOrCreateSigner } from '#seeder/identity/keys.ts'

/** The key at `--key`, $INTERPEER_KEY or the user's configuration folder; made there when it is missing. */
export function uploaderSigner(context: CommandContext): Signer {
  const path = uploaderKeyPath(context)
  const isNew = !existsSync(path)
  let signer: Signer
  try {
    signer = loadOrCreateSigner(path)
  } catch (cause) {
    if (cause instanceof KeyFileError) throw failed(cause.reason.code, cause.message)
    throw failed(
      'key_file',
      `the key at ${path} cannot be used: ${(cause as Error).message}`,
      'Name another one with --key FILE.',
    )
  }
  if (isNew) sayOnce(context.output, path, signer)
  return signer
}

function sayOnce(output: Output, path: string, signer: Signer): void {
  const { style } = output
  output.event({ event: 'key', file: path, key: peerName(signer.publicKey) })
  output.note('')
  output.note(style.warn(`  A key was made for you: ${path}`))
  output.note('  It is the only thing that can change the code of the sites you publish. Copy it to a safe place now:')
  output.note('  nobody can make it again, and whoever has it can publish as you.')
  output.note('')
}

export const KEY_OPTION = {
  type: 'string',
  value: 'FILE',
  help: "the uploader's key (default: $INTERPEER_KEY, else ~/.config/interpeer/uploader.pem; made when missing)",
} as const
