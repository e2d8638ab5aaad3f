// Where this program itself lies: what comes with it and is no code of the command.

import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const PROGRAM_ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
export const PACKAGE_FILE = join(PROGRAM_ROOT, 'package.json')
