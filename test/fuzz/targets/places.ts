// Where seeders say they are (origins, places on the earth), and where visitors are sent because of it: never to a host that nobody declared.

import assert from 'node:assert/strict'
import { siteOfHost } from '#gateway/carry/site-host.ts'
import { choose } from '#gateway/locate/choice.ts'
import { registrationOf } from '#gateway/locate/registration.ts'
import { redirectTo } from '#gateway/redirect/redirect.ts'
import { contentOf } from '#gateway/register/content.ts'
import { isFitOrigin } from '#gateway/register/register.ts'
import { siteUrl, targetOf } from '#gateway/resolve/site-url.ts'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { readCbor } from '#protocol/codec/shape.ts'
import { siteNamedBy } from '#protocol/dns/named-host.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { signedShape } from '#protocol/message/statement.ts'
import { degreesOf, FIELDS, fieldOf, placeFromText, placeOfField, roundTripMs } from '#protocol/place/place.ts'
import { linksOf } from '#protocol/site/canonical.ts'
import { JOB } from '#test/protocol/agreement/cluster.ts'
import { signerNamed } from '#test/support/network.ts'
import { nameOf, type Target, text } from '../target.ts'

const CONFIG = { publicUrl: 'https://gateway.example', sitesDomain: 'sites.example:8443' }
const ORIGIN = 'http://wiki.s1.example:8080'
/** Half the way around the earth and back, at the speed that is reckoned with, ms. */
const FARTHEST_MS = 301
const RESTS = ['/', '//evil.example/', '/\\evil.example', '/@evil.example', '/..//evil.example', '/.evil.example']
const HOST_WORDS = [
  'http://',
  'https://',
  'wiki',
  '.peer',
  '.ipn',
  '.sites.example',
  ':8443',
  'gateway.example',
  '127.1',
  '0x7f000001',
  '[::1]',
  'xn--',
  '.',
  ':80',
  ':443',
  '-',
]
const PATH_WORDS = [
  '/wiki/',
  '//evil.example/',
  '\\\\evil.example',
  '/\\',
  '@',
  '%0d%0a',
  '\r\nLocation: http://evil.example/',
  '\t',
  '%2f',
  '%5c',
  '..',
  '/./',
  '?',
  '#',
  '&frame=1',
  '>; rel=next,<',
  '"',
  'ä',
  '\u3002',
  ';',
]

export function placeTargets(): readonly Target[] {
  const from = signerNamed('one').publicKey
  const shape = signedShape('register')
  const registering = (origin: string): Uint8Array =>
    cborFromValue({
      from,
      body: {
        gateway: CONFIG.publicUrl,
        time: 1,
        expires: 2,
        sites: [{ job: JOB, origin, stable: false }],
        tunnel: true,
        sees: [],
        accuses: [],
      },
      signature: new Uint8Array(64),
    })
  const berlin = placeFromText('52.5,13.4')
  assert.ok(berlin !== undefined)
  return [
    {
      name: 'origin',
      form: 'bytes',
      seeds: [ORIGIN, 'https://wiki.s1.example', 'http://[2001:db8::1]:80', 'http://192.0.2.1'].map(bytesFromText),
      words: HOST_WORDS,
      run(input) {
        const origin = text(input)
        const read = readCbor(shape, registering(origin.isWellFormed() ? origin : ''), 1 << 16)
        if (!read.ok) return nameOf(read.error)
        if (!isFitOrigin(origin, CONFIG)) return 'unfit'
        assert.ok(contentOf(read.value.body).includes(origin), 'a change of it is one')
        const { sites } = registrationOf(peerName(from), read.value.body, { freshUntil: 1, leaseUntil: 1 })
        assert.deepEqual(
          [...sites.values()].map((site) => site.origin),
          [origin],
        )
        for (const rest of RESTS) {
          const url = new URL(origin + rest)
          assert.equal(url.origin, origin, 'a path leads nowhere else')
          const bare = url.host.replace(/\.+(?=:|$)/, '')
          assert.equal(siteOfHost(bare, CONFIG.sitesDomain), undefined, 'nor to what the gateway carries')
          assert.equal(siteNamedBy(bare), undefined, 'nor to a name that leads here')
          assert.notEqual(`${url.protocol}//${bare}`, CONFIG.publicUrl, 'nor to the gateway')
        }
        return 'accepted'
      },
    },
    {
      name: 'redirect',
      form: 'bytes',
      seeds: ['/wiki/a?b=c#d', '/wiki/', '/wiki', '/WIKI/a', '/wiki//evil.example/', '/'].map(bytesFromText),
      words: PATH_WORDS,
      run(input) {
        // As a socket brings it, and as a URL makes of it.
        const raw = text(input)
        const made = URL.canParse(`${CONFIG.publicUrl}/${raw}`) ? [new URL(`${CONFIG.publicUrl}/${raw}`).href] : []
        const verdicts = [`${CONFIG.publicUrl}${raw}`, ...made].map((url) => {
          const found = siteUrl(targetOf(url))
          if (found.kind !== 'page') {
            if (found.kind === 'bare') assert.equal(pathOf(`/${found.name}/${found.query}`), `/${found.name}/`)
            return found.kind
          }
          return redirected(found.rest)
        })
        return verdicts.join(' ')
      },
    },
    {
      name: 'place text',
      form: 'bytes',
      seeds: ['DE', '52.5,13.4', '-90,180', ' 0.00000001 , -0 ', 'us'].map(bytesFromText),
      words: ['-', '90', '180', '.', ',', ' ', 'e9', 'Infinity', '0', 'FR', '\u0661', '+'],
      run(input) {
        const place = placeFromText(text(input))
        if (place === undefined) return 'refused'
        const { latitude, longitude } = place
        assert.ok(Number.isSafeInteger(latitude) && latitude >= 0 && latitude <= 1800, 'north')
        assert.ok(Number.isSafeInteger(longitude) && longitude >= 0 && longitude <= 3600, 'east')
        const { north, east } = degreesOf(place)
        assert.deepEqual(placeFromText(`${north.toFixed(1)},${east.toFixed(1)}`), place)
        const field = fieldOf(place)
        assert.ok(Number.isSafeInteger(field) && field >= 0 && field < FIELDS, 'a field of the net')
        for (const other of [berlin, placeOfField(field), place]) {
          const ms = roundTripMs(place, other)
          assert.ok(ms >= 0 && ms <= FARTHEST_MS, `${ms} ms`)
        }
        const near = { origin: 'near', load: 0, place: berlin, measuredMs: 10 }
        const here = { origin: 'here', load: 1, place, measuredMs: undefined }
        const { turns } = choose([near, here], place, berlin, () => 0.5)
        assert.ok(turns.length > 0 && turns.every((origin) => origin === 'near' || origin === 'here'), 'somebody')
        return `accepted ${turns.length}`
      },
    },
  ]
}

function pathOf(address: string): string {
  const url = new URL(address, CONFIG.publicUrl)
  assert.equal(url.origin, CONFIG.publicUrl, 'the same host')
  return url.pathname
}

/** What a visitor's browser makes of the redirect. */
function redirected(rest: string): string {
  const choice = { turns: [ORIGIN], next: 0 }
  const target = {
    origins: [ORIGIN],
    candidates: [],
    choice,
    byField: undefined,
    hosts: [],
    living: [],
    linkStart: `<${CONFIG.publicUrl}/wiki`,
    next: 0,
    until: 1,
  }
  let response: Response
  try {
    response = redirectTo(target, choice, rest)
  } catch {
    // No such header can be sent; a socket brings no such path.
    assert.match(rest, /[^\t\x20-\x7e\x80-\xff]/u, 'what HTTP itself cannot carry')
    return 'no header'
  }
  const location = response.headers.get('location') ?? ''
  assert.equal(new URL(location).origin, ORIGIN, 'where the site is')
  const link = response.headers.get('link')
  if (link === null) return 'accepted long'
  const { rest: others, canonical } = linksOf([link])
  assert.deepEqual(others, [], 'one link')
  assert.ok(canonical?.startsWith(`${CONFIG.publicUrl}/wiki/`), 'to this gateway')
  return 'accepted'
}
