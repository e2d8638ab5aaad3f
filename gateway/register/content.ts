// What a registration says apart from when, and from how busy its seeder is just now: equal content needs no write.

import { hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Register } from '#protocol/message/statement.ts'

export function contentOf(body: Register): string {
  return JSON.stringify([
    body.sites.map((site) => `${hexFromBytes(site.job)} ${site.origin} ${site.stable}`).sort(),
    body.tunnel,
    body.place === undefined ? null : [body.place.latitude, body.place.longitude],
    body.sees.map(hexFromBytes).sort(),
    body.accuses.map((accusation) => `${hexFromBytes(accusation.peer)} ${hexFromBytes(accusation.evidence)}`).sort(),
  ])
}
