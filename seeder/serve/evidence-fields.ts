// The header fields that prove an answer (agreement §5, "On the wire"), made once a height and representation and then reused:
// what a popular page costs is copying bytes, not signing.

import { hostOnly } from '#page/cookies.ts'
import {
  CERTIFICATE_HEADER_BYTES_MAX,
  CERTIFICATE_RELATION,
  certificatePath,
  certificateText,
  pathText,
  receiptText,
} from '#protocol/answer/evidence.ts'
import { type CoveredField, signatureBase, signatureFields, signatureParams } from '#protocol/answer/http-signature.ts'
import { type ServedAt, sentValue } from '#protocol/answer/location.ts'
import { base64FromBytes, hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { merkleSteps } from '#protocol/codec/merkle.ts'
import { textFromCid } from '#protocol/content/cid.ts'
import type { Signer } from '#protocol/identity/keys.ts'
import type { Cert } from '#protocol/message/certificate.ts'
import type { LinkMaker } from '#seeder/serve/crawl.ts'
import type { Committed, Head, HostedSite } from '#seeder/serve/port.ts'
import type { Representation, Selected } from '#seeder/serve/representation.ts'

const certificateFields = new WeakMap<Cert, readonly string[]>()

/** Job, height, state root and certificate: the same for all answers at a height. */
function placeFields(site: HostedSite, cert: Cert): readonly string[] {
  let fields = certificateFields.get(cert)
  if (fields === undefined) {
    const { block } = cert
    const text = certificateText(cert)
    fields = [
      'Interpeer-Job',
      hexFromBytes(site.job),
      'Interpeer-Height',
      String(block.height),
      'Interpeer-State-Root',
      textFromCid(block.state_root),
      ...(text.length <= CERTIFICATE_HEADER_BYTES_MAX
        ? ['Interpeer-Certificate', text]
        : ['Link', `<${certificatePath(block.height)}>; rel="${CERTIFICATE_RELATION}"`]),
    ]
    certificateFields.set(cert, fields)
  }
  return fields
}

export type FieldMaker = {
  /** The receipt of a read at a height, as header text. */
  receipt(site: HostedSite, head: Head, requestHash: Digest, responseHash: Digest, nonce?: Uint8Array): string
  /** All headers of a read's answer but `Date` and those of the connection. `kind`: 304 has no content, 206 other content. */
  read(place: ReadPlace, representation: Representation, receipt: string, sent: SentContent): string[]
  write(
    place: Omit<ReadPlace, 'head'>,
    committed: Committed,
    representation: Representation,
    sent: Extract<SentContent, { kind: 'whole' | 'edited' }>,
  ): string[]
}

/** Where a read was answered: `target` is what a canonical link leads back to. */
export type ReadPlace = {
  readonly site: HostedSite
  readonly head: Head
  readonly target: string
  /** The origin that the visitor asked, for what the script says about its own. */
  readonly origin: string
  /** Whoever asks checks answers: cookies are sent as they were certified. */
  readonly client: boolean
}

function shownValue(name: string, value: string, at: ServedAt, client: boolean): string {
  return name === 'set-cookie' && !client ? hostOnly(value) : sentValue(name, value, at)
}

export type SentContent =
  | { readonly kind: 'whole'; readonly selected: Selected }
  /** A page with keys in its forms: no two are the same. */
  | { readonly kind: 'edited'; readonly selected: Selected }
  | { readonly kind: 'not_modified'; readonly etag: string | undefined }
  /** Events, of which what is certified is the beginning. */
  | { readonly kind: 'going_on' }
  | {
      readonly kind: 'part'
      readonly length: number
      readonly contentRange: string | undefined
      /** `multipart/byteranges; boundary=…` in place of the representation's own type. */
      readonly contentType: string | undefined
      /** Of the bytes sent; without it (a long part of a file) the digest of the whole representation stands in. */
      readonly digest: string | undefined
    }

export type FieldOptions = {
  readonly signer: Signer
  /** ms since the epoch. */
  readonly now: () => number
  readonly links: LinkMaker
}

/** What a 304 repeats (RFC 9110 §15.4.5). */
const NOT_MODIFIED_FIELDS = new Set(['cache-control', 'content-location', 'expires', 'set-cookie'])

/** What would let a page be taken from a cache, whose keys are used up by then. */
const STORED_FIELDS = new Set(['cache-control', 'expires', 'last-modified'])

function editedFields({ fields, bar }: Representation): readonly string[] {
  const asked = fields.find((_, index) => index % 2 === 1 && fields[index - 1] === 'cache-control')?.toLowerCase() ?? ''
  const kept = ['no-store', 'private'].filter((directive) => asked.includes(directive))
  return [
    'cache-control',
    ['no-cache', ...kept].join(', '),
    'Interpeer-Body',
    bar === undefined ? 'edited' : 'barred, edited',
  ]
}

/** Of a page: whether it is what is certified, or has the bar. */
function pageFields({ isHtml, bar }: Representation): readonly string[] {
  return isHtml ? ['Interpeer-Body', bar === undefined ? 'certified' : 'barred'] : []
}

export function createFieldMaker(options: FieldOptions): FieldMaker {
  const { signer, now, links } = options

  function sign(status: number, covered: readonly CoveredField[]): readonly string[] {
    const params = signatureParams(
      covered.map(([name]) => name),
      Math.floor(now() / 1000),
      signer.publicKey,
    )
    const signed = signatureFields(params, signer.sign(signatureBase(status, covered, params)))
    return ['Signature-Input', signed.input, 'Signature', signed.signature]
  }

  function varyOf(representation: Representation): string {
    const { vary, isHtml } = representation
    const ours = isHtml ? 'Accept-Encoding, Interpeer-Client, Sec-Fetch-Dest' : 'Accept-Encoding, Interpeer-Client'
    return vary === undefined ? ours : `${vary}, ${ours}`
  }

  return {
    receipt(site, head, requestHash, responseHash, nonce) {
      return receiptText(
        site.receipt({
          job: site.job,
          epoch: site.group.epoch,
          height: head.height,
          state_root: head.stateRoot,
          request_hash: requestHash,
          response_hash: responseHash,
          ...(nonce === undefined ? {} : { nonce }),
        }),
      )
    },

    read({ site, head, target, origin, client }, representation, receipt, sent) {
      const at: ServedAt = { origin, siteName: site.name }
      const fields: string[] = []
      const covered: CoveredField[] = []
      const digested = (name: string, value: string): void => {
        fields.push(name, value)
        covered.push([name.toLowerCase(), value])
      }
      let status = representation.status
      if (sent.kind === 'not_modified') {
        status = 304
        for (let index = 0; index + 1 < representation.fields.length; index += 2) {
          const name = representation.fields[index] ?? ''
          if (NOT_MODIFIED_FIELDS.has(name))
            fields.push(name, shownValue(name, representation.fields[index + 1] ?? '', at, client))
        }
        if (sent.etag !== undefined) fields.push('ETag', sent.etag)
      } else {
        for (let index = 0; index + 1 < representation.fields.length; index += 2) {
          const name = representation.fields[index] ?? ''
          if (name === 'link') continue
          if (name === 'content-type' && sent.kind === 'part' && sent.contentType !== undefined)
            fields.push(name, sent.contentType)
          else if ((sent.kind !== 'edited' && sent.kind !== 'going_on') || !STORED_FIELDS.has(name))
            fields.push(name, shownValue(name, representation.fields[index + 1] ?? '', at, client))
        }
        if (sent.kind === 'edited' || sent.kind === 'going_on') fields.push(...editedFields(representation))
        else fields.push(...pageFields(representation))
        if (sent.kind === 'going_on') fields.push('X-Accel-Buffering', 'no')
        else if (sent.kind === 'whole' || sent.kind === 'edited') {
          const { selected } = sent
          if (selected.etag !== undefined) fields.push('ETag', selected.etag)
          if (selected.coding !== undefined) fields.push('Content-Encoding', selected.coding)
          if (status === 200 && sent.kind === 'whole' && representation.bar === undefined)
            fields.push('Accept-Ranges', 'bytes')
          if (status !== 204 && status !== 304) fields.push('Content-Length', String(selected.length))
          digested('Content-Digest', selected.digest)
        } else {
          status = 206
          if (representation.plain.etag !== undefined) fields.push('ETag', representation.plain.etag)
          if (sent.contentRange !== undefined) fields.push('Content-Range', sent.contentRange)
          fields.push('Accept-Ranges', 'bytes', 'Content-Length', String(sent.length))
          if (sent.digest !== undefined) digested('Content-Digest', sent.digest)
          else digested('Repr-Digest', representation.plain.digest)
        }
      }
      covered.push(['interpeer-receipt', receipt])
      fields.push('Vary', varyOf(representation), ...links({ site, head, target }, representation))
      fields.push(...placeFields(site, head.cert))
      fields.push('Interpeer-Receipt', receipt, 'Interpeer-Body-Root', representation.rootText)
      fields.push(...sign(status, covered))
      return fields
    },

    write({ site, target, origin, client }, committed, representation, { kind, selected }) {
      const path = pathText(committed.fuel, merkleSteps(committed.count, committed.index, committed.path))
      const at: ServedAt = { origin, siteName: site.name }
      const fields: string[] = []
      for (let index = 0; index + 1 < representation.fields.length; index += 2) {
        const name = representation.fields[index] ?? ''
        if (name === 'link' || (kind === 'edited' && STORED_FIELDS.has(name))) continue
        fields.push(name, shownValue(name, representation.fields[index + 1] ?? '', at, client))
      }
      fields.push(...(kind === 'edited' ? editedFields(representation) : pageFields(representation)))
      if (selected.etag !== undefined) fields.push('ETag', selected.etag)
      if (selected.coding !== undefined) fields.push('Content-Encoding', selected.coding)
      if (representation.status !== 204 && representation.status !== 304)
        fields.push('Content-Length', String(selected.length))
      fields.push('Content-Digest', selected.digest, 'Vary', varyOf(representation))
      fields.push(...links({ site, head: undefined, target }, representation), ...placeFields(site, committed.cert))
      fields.push('Interpeer-Path', path, 'Interpeer-Salt-Hash', base64FromBytes(committed.saltHash))
      fields.push('Interpeer-Body-Root', representation.rootText)
      fields.push(
        ...sign(representation.status, [
          ['content-digest', selected.digest],
          ['interpeer-path', path],
        ]),
      )
      return fields
    },
  }
}
