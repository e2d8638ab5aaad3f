// Clauses of the rules of agreement §2 and §6 that no random world shows, and single checks behind which a second one stands: each is taken away in a
// copy of the source, and the test that names the clause has to fail.

import type { Patch } from './mutants-patch.ts'

const AGREEMENT = 'protocol/agreement'

export type Clause = {
  readonly rule: string
  /** What no longer holds in the copy. */
  readonly what: string
  readonly patches: readonly Patch[]
  /** File of this folder, and the test in it that has to fail. */
  readonly file: string
  readonly test: string
}

const edit = (file: string, find: string, replace = ''): Patch => ({ file: `${AGREEMENT}/${file}.ts`, find, replace })

const objection = (what: string, find: string, test: string, rule = 'R2'): Clause => ({
  rule,
  what,
  patches: [edit('admission', find)],
  file: 'vote-rules',
  test,
})

export const CLAUSES: readonly Clause[] = [
  objection(
    'the parent is the head',
    "  if (!bytesEqual(block.parent, head.hash)) return 'parent'\n",
    'R2 another parent: silent',
  ),
  objection(
    'the image is the job’s',
    "  if (!bytesEqual(block.image, settings.image)) return 'image'\n",
    'R2 another image: silent',
  ),
  objection(
    'the time is later than the parent’s',
    "  if (block.time <= head.time) return 'time_not_later'\n",
    'R2 the time of its parent: silent',
  ),
  objection(
    'a fresh block is no older than 5 s',
    "  if (!relied && block.time < receivedAt - TIME_PAST_MS) return 'time_too_early'\n",
    'R2 more than 5 s before its receipt: silent',
  ),
  objection(
    'a fresh block is at most 2 s ahead',
    "  if (!relied && block.time > Math.max(receivedAt + TIME_FUTURE_MS, head.time + 1)) return 'time_too_late'\n",
    'R2 more than 2 s after its receipt: silent',
  ),
  objection(
    'an UPDATE stands alone',
    "  if (!kindFits(block.kind, requests)) return 'kind'\n",
    'R8 an UPDATE beside another request: silent',
    'R8',
  ),
  objection(
    'a request is of the block’s time',
    "    if (!timely(request.time, block.time)) return 'request_time'\n",
    'R9 a request more than 60 s older: silent',
    'R9',
  ),
  objection(
    'a request stands once in a block',
    'seen.has(key) || ',
    'R9 the same request twice in one block: silent',
    'R9',
  ),
  objection(
    'who does not know the whole window votes for no request',
    " || windowWhole(member.window, block.time) ? undefined : 'window_unknown'",
    'R9 who does not know all that ran within the window votes for no block with requests, and proposes none',
    'R9',
  ),
  {
    rule: 'R9',
    what: 'who does not know the whole window proposes no request',
    patches: [edit('propose', '    if (!whole || !mayRun', '    if (!mayRun')],
    file: 'vote-rules',
    test: 'R9 who does not know all that ran within the window votes for no block with requests, and proposes none',
  },
  {
    rule: 'R9',
    what: 'who does not know the whole window is not READY',
    patches: [edit('handover', ' && windowWhole(member.window, blockClock(member))')],
    file: 'epochs',
    test: '§6 R9 who does not know all that ran within the window says no READY',
  },
  {
    rule: 'R2',
    what: 'no vote in a view that is not above the lock’s',
    patches: [edit('vote', 'lock.view >= view || ')],
    file: 'vote-rules',
    test: 'R2 R4 with a lock: the locked block in a later view, no other block, and nothing in the view of the lock',
  },
  {
    rule: 'R2',
    what: 'no vote for another block than the locked one',
    patches: [edit('vote', ' || !bytesEqual(lock.block_hash, content.hash))) return false', ')) return false')],
    file: 'vote-rules',
    test: 'R2 R4 with a lock: the locked block in a later view, no other block, and nothing in the view of the lock',
  },
  {
    rule: 'R2',
    what: 'a leader’s block is of its own time',
    patches: [edit('propose', 'if (isLate || !bodiesHere', 'if (!bodiesHere')],
    file: 'vote-rules',
    test: 'R2 a leader whose execution took too long begins anew at a later time instead of proposing what nobody takes',
  },
  {
    rule: 'R3',
    what: 'jview is the lock’s view',
    patches: [edit('vote', 'const jview = round.lock?.view ?? null', 'const jview = null')],
    file: 'vote-rules',
    test: 'R2 a QC1 above the lock justifies another block, one below does not',
  },
  {
    rule: 'R4',
    what: 'VOTE2 after a matching execution only',
    patches: [edit('lock', "  if (outcome(member, content) !== 'match') return false\n")],
    file: 'vote-rules',
    test: 'R4 no VOTE2 when the own execution came to something else',
  },
  {
    rule: 'R4',
    what: 'no VOTE2 for a QC1 above the view',
    patches: [edit('lock', 'lock.view !== view || !mayVote', 'lock.view < view || !mayVote')],
    file: 'vote-rules',
    test: 'R4 a QC1 of the present view brings VOTE2 after the own execution, one above it a lock alone',
  },
  {
    rule: 'R5',
    what: 'no certificate without the QC1 of its view',
    patches: [
      edit('lock', 'if (qc1 === undefined || !bytesEqual(qc1.block_hash, hash) || content', 'if (content'),
      edit(
        'lock',
        '{ block: content.block, qc1, qc2 }',
        '{ block: content.block, qc1: qc1 ?? { ...qc2, votes: [] }, qc2 }',
      ),
    ],
    file: 'vote-rules',
    test: 'R5 VOTE2s of a quorum commit nothing without the QC1 of their view',
  },
  {
    rule: 'R6',
    what: 'the timer grows with each time-out',
    patches: [edit('timer', 'first * TIMER_GROWTH ** failures', 'first')],
    file: 'queue-rules',
    test: 'R6 on links of 1000 ms, after 1 time-outs since the last commit, the timer is 6000 ms',
  },
  {
    rule: 'R7',
    what: 'a leader that passes a request over for 5Δ loses its view',
    patches: [edit('queue', 'now - entry.passedAt >= CENSORED_DELTAS * deltaMs', 'now < 0')],
    file: 'requests',
    test: 'R7 a leader that passes a request over for 5Δ loses its view',
  },
  {
    rule: 'R7',
    what: 'what a leader passed over is handed to it once more',
    patches: [edit('queue', 'now - entry.passedAt >= RELAY_DELTAS * deltaMs', 'now < 0')],
    file: 'requests',
    test: 'R7 a request that the leader never got is relayed to it by the others',
  },
  {
    rule: 'R7',
    what: 'a member’s line is bounded',
    patches: [edit('queue', 'line.entries.size >= QUEUE_PER_SOURCE_MAX || ')],
    file: 'queue-rules',
    test: 'R7 a line is bounded: what one member shares too much takes no place of another',
  },
  {
    rule: 'R7',
    what: 'excess is refused before it is shared',
    patches: [edit('pending', "  if (taken === 'full') return turnAway(member, turn, request, hash, 'queue_full')\n")],
    file: 'queue-rules',
    test: 'R7 an own request above the bound is refused before it is shared',
  },
  {
    rule: 'R7',
    what: 'no member is always first',
    patches: [edit('queue', '  queue.turn = (queue.turn + 1) % queue.lines.length\n')],
    file: 'queue-rules',
    test: 'R7 no member is always first',
  },
  {
    rule: 'R8',
    what: 'a block has so many requests at most, and so many bytes of them',
    patches: [
      edit('queue', 'if (batch.length >= requestsMax || bytes + entry.bytes > BATCH_BYTES_MAX) return batch', ''),
    ],
    file: 'queue-rules',
    test: 'R8 a block holds at most 256 requests, and at most 256 KiB of them',
  },
  {
    rule: '§6',
    what: 'a start has CLOSEs of a quorum (the door)',
    patches: [edit('door', '  if (closes.length < q) return', '  if (closes.length < q - 1) return')],
    file: 'epochs',
    test: '§6 a start needs CLOSEs of a quorum of distinct members',
  },
  {
    rule: '§6',
    what: 'a start shows the highest QC1 that its CLOSEs name (the door)',
    patches: [edit('door', '!names(above, qc1s.at(-1)) || ')],
    file: 'epochs',
    test: '§6 a start shows the highest certificate and QC1 that its CLOSEs name, no less and no more',
  },
  {
    rule: '§6',
    what: 'a start has CLOSEs of a quorum (whoever makes it)',
    patches: [
      edit(
        'handover',
        '  if (shown.length < member.quorum) return undefined',
        '  if (shown.length < 2) return undefined',
      ),
    ],
    file: 'epochs',
    test: '§6 a member makes a start of CLOSEs of a quorum, its own among them, with the highest QC1 that they name',
  },
  {
    rule: '§6',
    what: 'a start shows the highest QC1 that its CLOSEs name (whoever makes it)',
    patches: [
      edit('handover', 'if (last === undefined || last.height !== height + 1) continue', 'if (height >= 0) continue'),
    ],
    file: 'epochs',
    test: '§6 a member makes a start of CLOSEs of a quorum, its own among them, with the highest QC1 that they name',
  },
  {
    rule: '§6',
    what: 'no vote in a new epoch without its start',
    patches: [
      edit(
        'vote',
        "startHeight(start) >= round.height) return 'unknown'",
        'startHeight(start) >= round.height) return null',
      ),
    ],
    file: 'epochs',
    test: '§6 in a new epoch nobody votes without the start of it',
  },
  {
    rule: '§6',
    what: 'at the height above the start only the inherited block',
    patches: [
      edit(
        'vote',
        '  if (lock === null && started !== null && !bytesEqual(started.block_hash, content.hash)) return false\n',
      ),
    ],
    file: 'epochs',
    test: '§6 R2 the carried start is what a voter checks, not the one it entered by',
  },
  {
    rule: '§5',
    what: 'past what an epoch started from, no certificate of the old one',
    patches: [edit('epoch', '|| height <= startHeight(start)) return true', '|| height > 0) return true')],
    file: 'epochs',
    test: '§5 §6 past what an epoch started from, a certificate of the old epoch does not count',
  },
  {
    rule: 'G6',
    what: 'a block without its bodies does not count as held once its state is here',
    patches: [edit('commit', 'cert, whole ? content : null, undefined', 'cert, content ?? null, undefined')],
    file: 'catch-up',
    test: 'G6 a state is taken at a height whose block is known: one without its body is passed over: nobody is told that it can be had here',
  },
  {
    rule: '§6',
    what: 'blocks come before a state',
    patches: [edit('sync', '  if (preferred(a) !== preferred(b)) return preferred(a)\n')],
    file: 'catch-up',
    test: '§6 one member’s state is not taken while others that are ahead have the blocks; nobody is left out for ever',
  },
  {
    rule: '§6',
    what: 'who was asked in vain is not preferred any more',
    patches: [edit('sync', 'peer.fetchedAt < (member.behindSince ?? 0) && ')],
    file: 'catch-up',
    test: '§6 one member’s state is not taken while others that are ahead have the blocks; nobody is left out for ever',
  },
]
