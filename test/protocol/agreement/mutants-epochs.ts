// The rules of agreement §6 about epochs, each broken on purpose: the table of `mutants.ts` goes on here.

import type { Mutant } from './mutants-patch.ts'

const AGREEMENT = 'protocol/agreement'

const SHORT_CLOSES = [
  {
    file: `${AGREEMENT}/door.ts`,
    find: '  if (closes.length < q) return',
    replace: '  if (closes.length < q - 1) return',
  },
  {
    file: `${AGREEMENT}/handover.ts`,
    find: '  if (shown.length < member.quorum) return undefined',
    replace: '  if (shown.length < member.quorum - 1) return undefined',
  },
] as const

export const EPOCH_MUTANTS: readonly Mutant[] = [
  {
    rule: '§6',
    what: 'an epoch starts by q − 1 CLOSEs',
    patches: SHORT_CLOSES,
    breaks: ['G1', 'G6'],
    seeds: 2_000,
    from: 430,
    epochs: 3,
  },
  {
    rule: '§6',
    what: 'a start ignores the QC1 that CLOSEs name',
    patches: [
      {
        file: `${AGREEMENT}/handover.ts`,
        find: '    if (last === undefined || last.height !== height + 1) continue',
        replace: '    if (last === undefined || last.height !== height + 1 || height >= 0) continue',
      },
      {
        file: `${AGREEMENT}/door.ts`,
        find: '!names(above, qc1s.at(-1)) || !relies(qc1s)) return',
        replace: '(qc1s.length > 0 && !names(above, qc1s.at(-1)))) return',
      },
    ],
    breaks: ['G1', 'G6'],
    seeds: 2_000,
    epochs: 3,
  },
  {
    rule: '§6',
    what: 'a CLOSE omits the QC1 that its epoch started from',
    patches: [
      {
        file: `${AGREEMENT}/handover.ts`,
        find: 'inheritedHere(member) === null ? [] : (start?.qc1s ?? [])',
        replace: 'inheritedHere(member) === null || start !== null ? [] : []',
      },
    ],
    breaks: ['G1', 'G6'],
    seeds: 6_000,
    from: 440,
    epochs: 4,
  },
  {
    rule: '§6',
    what: 'a vote needs no start',
    patches: [
      {
        file: `${AGREEMENT}/vote.ts`,
        find: "startHeight(start) >= round.height) return 'unknown'",
        replace: 'startHeight(start) >= round.height) return null',
      },
      {
        file: `${AGREEMENT}/vote.ts`,
        find: '  if (lock === null && started !== null && !bytesEqual(started.block_hash, content.hash)) return false',
        replace: '',
      },
    ],
    breaks: ['G1', 'G6'],
    seeds: 3_000,
    epochs: 3,
  },
  {
    rule: '§6',
    what: 'the old epoch’s locks are kept',
    patches: [
      {
        file: `${AGREEMENT}/epoch.ts`,
        find: '  for (const [key, content] of old.contents) round.contents.set(key, content)\n',
        replace:
          '  for (const [key, content] of old.contents) round.contents.set(key, content)\n  round.lock = old.lock\n',
      },
    ],
    breaks: ['G10', 'G3', 'driver', 'G4'],
    seeds: 2_000,
    epochs: 3,
  },
  {
    rule: '§6',
    what: 'a vote after the own CLOSE',
    patches: [
      {
        file: `${AGREEMENT}/member.ts`,
        find: 'begun && closed === null && nextStart === null',
        replace: 'begun && (closed === null || closed !== null) && nextStart === null',
      },
    ],
    breaks: ['G3', 'G4', 'G1'],
    seeds: 400,
    epochs: 3,
  },
  {
    rule: '§6',
    what: 'the own CLOSE is forgotten by a restart',
    patches: [
      {
        file: `${AGREEMENT}/durable.ts`,
        find: '    ...(closed === null ? {} : { close: closed }),\n',
        replace: '    ...(closed === null || closed !== null ? {} : { close: closed }),\n',
      },
    ],
    breaks: ['R1', 'G3', 'G4'],
    seeds: 1_000,
    epochs: 3,
  },
  {
    rule: '§6',
    what: 'the last votes are forgotten by a restart',
    patches: [
      {
        file: `${AGREEMENT}/durable.ts`,
        find: '    ...(lastVote2 === null ? {} : { last_vote2: lastVote2 }),\n',
        replace: '    ...(lastVote2 === null || lastVote2 !== null ? {} : { last_vote2: lastVote2 }),\n',
      },
    ],
    breaks: ['G3'],
    seeds: 2_000,
    epochs: 3,
  },
  {
    rule: '§6',
    what: 'the start is forgotten by a restart',
    patches: [
      {
        file: `${AGREEMENT}/durable.ts`,
        find: '    ...(start === null ? {} : { start }),\n',
        replace: '    ...(start === null || start !== null ? {} : { start }),\n',
      },
    ],
    breaks: ['G10'],
    seeds: 2_000,
    epochs: 2,
  },
  {
    rule: '§6',
    what: 'a leader ignores what the epoch started from',
    patches: [
      {
        file: `${AGREEMENT}/propose.ts`,
        find: '  if (inherited !== null) {\n    abandon',
        replace: '  if (inherited !== null && member.stopped) {\n    abandon',
      },
    ],
    breaks: ['G10'],
    seeds: 2_000,
    epochs: 3,
  },
  {
    rule: '§6',
    what: 'CLOSE and READY are said once',
    patches: [
      {
        file: `${AGREEMENT}/handover.ts`,
        find: '  if (at === undefined || at > turn.now) return\n',
        replace: '  if (at === undefined || at > turn.now || member.handoverSaidAt > 0) return\n',
      },
    ],
    breaks: ['G10'],
    seeds: 2_000,
    from: 425,
    epochs: 2,
  },
  {
    rule: 'R1',
    what: 'a member that lost its votes never votes again',
    patches: [
      {
        file: `${AGREEMENT}/epoch.ts`,
        find: '  member.abstain = member.abstainThrough >= group.epoch\n',
        replace: '  member.abstain = member.abstainThrough >= 0\n',
      },
    ],
    breaks: ['G10'],
    seeds: 2_000,
    epochs: 4,
  },
  {
    rule: '§6',
    what: 'who has left is not asked for the last block of its epoch',
    patches: [
      {
        file: `${AGREEMENT}/sync.ts`,
        find: '  return [...member.peers, ...member.guests].filter(({ height }) => height > member.head.height)',
        replace: '  return member.peers.filter(({ height }) => height > member.head.height)',
      },
    ],
    breaks: ['G10'],
    worlds: 'set_clocks',
    from: 1004501,
    seeds: 1,
    epochs: 'any',
  },
]
