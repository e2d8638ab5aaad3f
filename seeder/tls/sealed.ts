// What an authority gave, as it lies on the disk: PEM behind a line with its sum, so that a byte that the disk changed is noticed and not shown
// to visitors. Tools that read PEM pass such a line over.

import { hash } from 'node:crypto'

const SUM = 'SHA-256 '

export function sealedText(pem: string): string {
  return `${SUM}${hash('sha256', pem, 'hex')}\n${pem}`
}

/** Undefined: it is not as it was written. What has no sum in front (of another tool) is taken as it is. */
export function pemOfSealed(text: string): string | undefined {
  if (!text.startsWith(SUM)) return text
  const pem = text.slice(text.indexOf('\n') + 1)
  return sealedText(pem) === text ? pem : undefined
}
