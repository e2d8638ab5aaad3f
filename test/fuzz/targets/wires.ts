// What comes over a connection before it is a message: frames between seeders, those of a tunnel at both its ends, DNS.

import assert from 'node:assert/strict'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { DNS_MESSAGE_BYTES_MAX, TYPE } from '#protocol/dns/constants.ts'
import { answerFromBytes, answerToBytes, queryFromBytes, queryToBytes } from '#protocol/dns/message.ts'
import { siteRecords } from '#protocol/dns/site-records.ts'
import { createZone, settle, siteAnswer } from '#protocol/dns/zone.ts'
import { frameToBytes as frameToTunnel, type OpenHead } from '#protocol/tunnel/frame.ts'
import { TunnelStreams } from '#protocol/tunnel/streams.ts'
import { FrameReader, frameToBytes } from '#seeder/network/frame.ts'
import { JOB } from '#test/protocol/agreement/cluster.ts'
import { optOf, queryOf, questionOf } from '#test/support/dns.ts'
import { nameOf, type Target } from '../target.ts'

const OPENED: OpenHead = {
  site: 'wiki',
  scheme: 'https',
  method: 'POST',
  target: '/a',
  host: 'wiki.sites.example',
  headers: [['accept', 'text/html']],
  source: '203.0.113.7',
  body: null,
}

const DNS_ZONE = createZone({ server: 'gateway.example', serial: 7, isSite: (name) => name === 'wiki' })

export function wireTargets(): readonly Target[] {
  const member = { peer: 'aa', origin: 'http://10.0.0.1', http: 'http://[2001:db8::1]' }
  const dnsRecords = siteRecords({
    job: hexFromBytes(JOB),
    epoch: 0,
    members: [member],
    direct: [member],
    gateway: [],
    isLocal: true,
  })
  const dnsQuestion = questionOf('wiki.peer', TYPE.TXT)
  const asked = queryFromBytes(queryToBytes(dnsQuestion))
  assert.ok(asked.ok)
  const said = siteAnswer(TYPE.TXT, DNS_ZONE, { ttl: 5, records: dnsRecords })
  const dnsAnswer = answerToBytes(asked.value, said, { maxBytes: DNS_MESSAGE_BYTES_MAX, isPrivate: true })
  const framed = frameToBytes(3, Uint8Array.of(0, 0, 0, 7, 1, 2, 3))

  const answered = { status: 200, headers: [['Content-Type', 'text/plain']] as const, body: null }
  const tunnelled = [
    frameToTunnel({ type: 'open', stream: 2, head: cborFromValue(OPENED) }),
    frameToTunnel({ type: 'answer', stream: 1, head: cborFromValue(answered) }),
    frameToTunnel({ type: 'answer', stream: 1, head: cborFromValue({ ...answered, body: Uint8Array.of(1, 2) }) }),
    frameToTunnel({ type: 'data', stream: 1, bytes: Uint8Array.of(1, 2, 3) }),
    frameToTunnel({ type: 'end', stream: 1 }),
    frameToTunnel({ type: 'cancel', stream: 1, reason: 0 }),
    frameToTunnel({ type: 'credit', stream: 0, bytes: 7 }),
    frameToTunnel({ type: 'reset' }),
  ]
  return [
    {
      name: 'tunnel',
      form: 'bytes',
      seeds: tunnelled,
      run: (input) => {
        // A stream is open at both ends, so that what comes on it is looked at.
        const [gateway, seeder] = [new TunnelStreams('gateway'), new TunnelStreams('seeder')]
        gateway.open(OPENED)
        const open = gateway.next([])
        assert.ok(open !== undefined && seeder.receive(open).ok)
        const verdicts = [gateway, seeder].map((end) => {
          const found = end.receive(input)
          if (!found.ok) return nameOf({ detail: '', ...found.error })
          return `accepted ${found.value.map(({ type }) => type).join()}`
        })
        return verdicts.join(' / ')
      },
    },
    {
      name: 'dns',
      form: 'bytes',
      seeds: [
        queryOf('wiki.peer', TYPE.A, optOf(1232, 0, [0, 12, 0, 2, 0, 0])),
        queryOf('peer', TYPE.SOA),
        queryOf('x.ipn', TYPE.ANY),
        dnsAnswer,
      ],
      run: (input) => {
        const taken = answerFromBytes(input, dnsQuestion)
        const query = queryFromBytes(input)
        if (!query.ok) {
          const { error } = query
          if (taken.ok) return `accepted answer ${Math.min(8, taken.value.answers.length)}`
          return `${nameOf({ code: error.code, detail: error.code === 'bad_query' ? error.detail : '' })} ${taken.error.detail}`
        }
        const settled = settle(query.value, DNS_ZONE)
        const { question } = query.value
        const answer =
          settled.kind === 'answer'
            ? settled.answer
            : siteAnswer(question.type, DNS_ZONE, { ttl: 5, records: dnsRecords })
        for (const maxBytes of [0, 512, DNS_MESSAGE_BYTES_MAX]) {
          const bytes = answerToBytes(query.value, answer, { maxBytes, isPrivate: true })
          assert.ok(bytes.length <= Math.max(maxBytes, 12 + question.bytes.length + 11), 'as long as may be')
          const again = answerFromBytes(bytes, question.bytes)
          assert.ok(again.ok, 'it is read again')
          assert.ok(again.value.rcode === answer.rcode || answer.rcode > 15, 'the code')
          assert.ok(again.value.isTruncated || again.value.answers.length === answer.answers.length, 'all of it')
        }
        return `accepted ${answer.rcode} ${answer.answers.length}`
      },
    },
    {
      name: 'frames',
      form: 'bytes',
      seeds: [Uint8Array.from([...framed[0], ...framed[1], ...framed[0], ...framed[1]])],
      run: (input) => {
        const reader = new FrameReader(4096)
        let frames = 0
        for (let at = 0; at < input.length; at += 7) {
          reader.push(input.subarray(at, at + 7))
          for (let frame = reader.next(); ; frame = reader.next()) {
            if (!frame.ok) return frame.error.code
            if (frame.value === undefined) break
            frames++
          }
        }
        assert.ok(reader.heldBytes <= 4096 + 16 + 7, 'no more than a frame and a chunk is held')
        return `accepted ${Math.min(8, frames)}`
      },
    },
  ]
}
