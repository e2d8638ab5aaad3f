// SHA-256 by the platform, for what is hashed in bulk.

import { hash } from 'node:crypto'
import type { Sha256 } from '#protocol/codec/digest.ts'

export const nativeSha256: Sha256 = (bytes) => hash('sha256', bytes, 'buffer')
