// How a member of a group is driven: inputs go in one at a time, an ordered list of effects comes out (agreement §2).
//
//   driver ── Input ──> step(member, input) ── Effect[] ──> driver performs them in this order, then gives the next input
//
//   createMember(options): Member                `protocol/agreement/member.ts`
//   step(member, input): Effect[]                `protocol/agreement/step.ts`; a first `tick` starts it
//   memberStatus(member): MemberStatus           `protocol/agreement/status.ts`
//   createDoor, verifyWire, verifyFetched, …     `protocol/agreement/door.ts`: what comes from others goes through it
//
// Order is data: what is to be durable stands before what may be sent. The driver performs effect n+1 only when n is done
// (for `persist` and `commit`: durable), except `execute` and the three `fetch…`, which it starts and answers by an input later.
// After a crash every effect that was not performed may be lost; `restored` brings back what the performed ones left.
//
// A member never sees a clock: `now` is ms since the epoch by the member's own clock and never falls within a run.
// Members are named by their index in the roster (`rosterOf`): the members of the first group, then, group after group, those who are new;
// it only grows. `'all'` means everybody but oneself (a member hears itself inside) who `hears` it in the present epoch.
// Bodies of requests stay with the driver, by hash: it keeps those of `keepBody`, of `submit` and of a finished
// `fetchBodies` or `fetchBlocks` until `dropBodies` names them. The empty body is always at hand and never named.

import type { Verified } from '#protocol/agreement/door.ts'
import type { Evidence } from '#protocol/agreement/evidence-shape.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import type { Cid } from '#protocol/content/cid.ts'
import type { Signer } from '#protocol/identity/keys.ts'
import type { BlockKind, ReceiptLeaf } from '#protocol/message/block.ts'
import type { Cert, Group } from '#protocol/message/certificate.ts'
import type { Domain } from '#protocol/message/domain.ts'
import type { Request } from '#protocol/message/request.ts'
import type { WireMessage } from '#protocol/message/wire.ts'

export type MemberOptions = {
  readonly domain: Domain
  /** Of the first epoch that is known. */
  readonly group: Group
  /** Of the epochs after it, one by one. Whoever is in none of the groups follows along. */
  readonly later?: readonly Group[]
  readonly signer: Signer
  readonly settings: MemberSettings
  /** Absent: a first start at height 0 with nothing ever signed. */
  readonly restored?: Restored
}

export type MemberSettings = {
  /** Δ of R6, ms. */
  readonly deltaMs: number
  /** R8: an idle group makes a HEARTBEAT this often, ms. */
  readonly heartbeatMs: number
  /** R8: the fuel limit of one request, and what the requests of a block may burn together: none is begun that could take it above. */
  readonly requestFuel: number
  readonly blockFuel: number
  /** Heights between the states that are kept for members far behind. */
  readonly snapshotHeights: number
  /** §6: a hand-over by RECONFIG may take so long from when the next group is known; then comes the fallback, ms. */
  readonly handoverMs: number
  /** Hash of the runtime image; a block that names another is not voted for. */
  readonly image: Digest
}

/** What a member finds again after a stop or a crash, all of it from its own disk. */
export type Restored = {
  /** The head's certificate; absent at height 0. */
  readonly cert?: Verified<Cert>
  /** The last `persist` or `commit` record that became durable; absent when there never was one. */
  readonly record?: Uint8Array
  /** The record is lost or damaged, or does not decode: follow along, never vote in an epoch whose group is known by now (R1). */
  readonly abstain: boolean
  /**
   * Certified blocks that R9's window may still reach: contiguous, oldest first, ending at the head. Those whose block time is within
   * `WINDOW_MS` before the head's are needed, older ones do no harm. It begins at `firstBlock` when the store begins later.
   */
  readonly recent: readonly {
    readonly height: number
    readonly time: number
    readonly requestHashes: readonly Digest[]
  }[]
  /** Heights whose state tree is still here (those of the last `keepStates`), with their block times. */
  readonly states: readonly { readonly height: number; readonly time: number }[]
  /** From this height on certificates and requests are kept without a gap; head + 1 when there are none. */
  readonly firstBlock: number
  /** Hashes of the bodies that were made durable with the record. */
  readonly bodies: readonly Digest[]
}

export type Input =
  /** `from` is who the channel says it came from; who signed is inside. */
  | { readonly type: 'message'; readonly from: number; readonly message: Verified<WireMessage>; readonly now: number }
  /** A request of this member's own visitor. Its body is with the driver already; given here too when it is ≤ INLINE_BODY_BYTES_MAX. */
  | { readonly type: 'submit'; readonly request: Request; readonly body?: Uint8Array; readonly now: number }
  /** Bodies that are with the driver now, checked against their hashes. */
  | { readonly type: 'bodies'; readonly hashes: readonly Digest[]; readonly now: number }
  /** Answer to `fetchBlocks` (an empty one says that it failed): contiguous; the bodies are with the driver already. */
  | {
      readonly type: 'blocks'
      readonly from: number
      readonly blocks: readonly Verified<FetchedBlock>[]
      readonly now: number
    }
  /** Answer to `fetchState`: the certificate and the whole state tree of its block are here. Without `cert` it failed. */
  | { readonly type: 'state'; readonly height: number; readonly cert?: Verified<Cert>; readonly now: number }
  | { readonly type: 'executed'; readonly ticket: number; readonly result: ExecutionResult; readonly now: number }
  /** The `commit` of this height is durable. */
  | { readonly type: 'committed'; readonly height: number; readonly now: number }
  /** The group of the epoch after the last that is known. */
  | { readonly type: 'plan'; readonly group: Group; readonly now: number }
  /**
   * R6: what a message to each of the roster and back takes at most, as measured on its link; null: there is no link, or no measure yet.
   * `gone`: indices of those whose link ended, and where nobody answered since.
   */
  | {
      readonly type: 'links'
      readonly roundTripsMs: readonly (number | null)[]
      readonly gone?: readonly number[]
      readonly now: number
    }
  /** R2: how far the wall clock is ahead of `now`, which only timers go by; 0 until it is said. */
  | { readonly type: 'clock'; readonly aheadMs: number; readonly now: number }
  | { readonly type: 'tick'; readonly now: number }
  /** The last input: own pending requests are refused, nothing is voted on any more. */
  | { readonly type: 'stop' }

export type FetchedBlock = { readonly cert: Cert; readonly requests: readonly Request[] }

/** What execution came to; `leaves` in the order of the steps. */
export type ExecutionResult = {
  readonly stateRoot: Cid
  readonly codeRoot: Cid
  readonly leaves: readonly ReceiptLeaf[]
}

/** Everything that a block's roots are a function of (besides the image). */
export type ExecutionContext = {
  readonly height: number
  readonly parent: Digest
  /** State and code the block starts from: the parent's. */
  readonly stateRoot: Cid
  readonly codeRoot: Cid
  /** Block time, ms. */
  readonly time: number
  readonly kind: BlockKind
  readonly requests: readonly Request[]
  /** `orderedRequestHash` of each. */
  readonly requestHashes: readonly Digest[]
}

export type RefuseCode =
  /** R7: the queue is full: 503. */
  | 'queue_full'
  /** R9: its time is over 60 s from block time: the visitor tries anew. */
  | 'too_old'
  /** R9: the very same request (salt included) stands in a recent block or in the queue. */
  | 'duplicate'
  /** Larger than a REQUEST or a body may be, or of another job. */
  | 'malformed'
  /** §3: results differ and no certificate forms: 503. */
  | 'disputed'
  /** This member has left the group, or is not in it yet: 503, or a redirect. */
  | 'not_a_member'
  /** This member is catching up: 503. */
  | 'joining'
  /** A state was taken past blocks that may have it: it may have run, and the visitor asks again under its key (R9): 504. */
  | 'unknown'
  | 'stopped'

export type Effect =
  /**
   * Durable before any later effect: the whole vote state (R1), and the bodies named here (those a lock, an own proposal or an own VOTE1 needs).
   * A later record replaces it, and bodies that the later one does not name may go.
   */
  | { readonly type: 'persist'; readonly record: Uint8Array; readonly bodies: readonly Digest[] }
  | { readonly type: 'send'; readonly to: number | 'all'; readonly message: WireMessage }
  /** Start this; answer by `executed`. Bodies of all requests are with the driver. */
  | { readonly type: 'execute'; readonly ticket: number; readonly context: ExecutionContext }
  /** This execution is not needed any more: stop it if it runs, forget its result. An answer that still comes is ignored. */
  | { readonly type: 'release'; readonly ticket: number }
  /**
   * Make the height durable in one transaction: certificate, requests with their bodies, the blocks of execution `ticket` (absent: the
   * state tree came by `fetchState` and is here), and `record` as the vote state. Then give `committed`. All other tickets are released.
   * `snapshot`: the height need not follow the head.
   */
  | {
      readonly type: 'commit'
      readonly cert: Cert
      readonly requests: readonly Request[]
      readonly requestHashes: readonly Digest[]
      readonly ticket?: number
      readonly snapshot: boolean
      readonly record: Uint8Array
      /** Heights whose state and certificate are to be kept, this one included; other states may go. */
      readonly keepStates: readonly number[]
      /** Blocks from this height on are to be kept; older ones may go. */
      readonly keepBlocksFrom: number
    }
  /** An own visitor's request stands in a durable certified block: `index` among the block's receipt leaves. */
  | { readonly type: 'reply'; readonly requestHash: Digest; readonly height: number; readonly index: number }
  | { readonly type: 'refuse'; readonly requestHash: Digest; readonly code: RefuseCode }
  | { readonly type: 'evidence'; readonly evidence: Evidence }
  /** The member is in this epoch now; durable by then. */
  | { readonly type: 'epoch'; readonly group: Group; readonly height: number }
  | { readonly type: 'keepBody'; readonly hash: Digest; readonly body: Uint8Array }
  | { readonly type: 'dropBodies'; readonly hashes: readonly Digest[] }
  /** Get these from `from` (or from anybody else when that fails); answer by `bodies`. */
  | { readonly type: 'fetchBodies'; readonly hashes: readonly Digest[]; readonly from: number }
  /** Get certified blocks from this height on, verified; answer by `blocks`, always. */
  | { readonly type: 'fetchBlocks'; readonly fromHeight: number; readonly from: number }
  /** Get the certificate of this height and the state tree it names; answer by `state`, always. */
  | { readonly type: 'fetchState'; readonly height: number; readonly from: number }
  /** Give a `tick` at this time if no input comes before; the last effect of a step, every step says it anew. */
  | { readonly type: 'wakeAt'; readonly time: number }

/** `left`: in no group from now on; `joining`: behind the others, or not in the group yet; `disputed`: §3; `degraded`: own results differ from the certified ones; `abstaining`: R1, votes lost. */
export type MemberState = 'agreeing' | 'joining' | 'disputed' | 'degraded' | 'abstaining' | 'left'

export type MemberStatus = {
  readonly epoch: number
  readonly height: number
  readonly view: number
  readonly leader: number
  readonly state: MemberState
  readonly queued: number
  /** Height of the state that it offers to those far behind, older than R9's window; null: none. */
  readonly offered: number | null
  /** R6: how long the present view is waited for before it is given up, ms. */
  readonly timerMs: number
  /** By index in the present epoch's group; null before anything was heard. Of oneself: the head and the latest input's time. */
  readonly members: readonly {
    readonly height: number | null
    readonly heardAt: number | null
    readonly counts: MemberCounts
  }[]
  /** Since the start. */
  readonly counts: Readonly<Record<'commits' | 'timeouts' | 'disputes' | 'refused' | 'dropped', number>>
}

/** Counted, never punished (§2). `silent`: its view as a leader ended without a proposal. `stale`: it asked from behind. */
export type MemberCounts = { readonly silent: number; readonly stale: number; readonly nays: number }
