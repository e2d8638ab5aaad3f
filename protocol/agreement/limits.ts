// Every bound of the agreement core that is not a setting of the network. Times in ms.

/** R2: a fresh block's time is within [receipt − past, receipt + future], or 1 ms after its parent's when that is later. */
export const TIME_PAST_MS = 5_000
export const TIME_FUTURE_MS = 2_000
/** R9: a REQUEST's time is this near to the block time. */
export const REQUEST_TIME_MS = 60_000
/** R9: a request that stands in a block is not taken again for so long, in block time: twice the above. */
export const WINDOW_MS = 2 * REQUEST_TIME_MS
/** R6: the view timer is 4Δ·1.5^k where links are as slow as Δ, and never longer than this. */
export const TIMER_MS_MAX = 60_000
export const TIMER_DELTAS = 4
export const TIMER_GROWTH = 1.5
/** R6: a measured link is taken for no faster than this: a message is also read, judged and made durable. */
export const LINK_MS_MIN = 100
/** R6: time-outs that each double what was measured. */
export const CAUTION_MAX = 8
/** R6: doublings at a start, when links, runtimes and caches are cold. */
export const CAUTION_FIRST = 2
/** R6: commits without a time-out after which one doubling is taken back. */
export const CALM_COMMITS = 16
/** R7: the head of the queue, passed over for so many Δ, ends the view. */
export const CENSORED_DELTAS = 5
/** R7: … and for so many, it is handed to the leader once more: it may never have had it. */
export const RELAY_DELTAS = 2

/** §6: so long after the hand-over time, without a RECONFIG, members CLOSE. */
export const CLOSE_DELTAS = 10
/** §6: hand-over time that is given from when the next group is known. */
export const HANDOVER_DELTAS = 120
/** §6: READY and CLOSE are said again this often. */
export const HANDOVER_RESEND_DELTAS = 2

/** R7: requests and bytes of bodies that wait per sharing member. */
export const QUEUE_PER_SOURCE_MAX = 512
export const QUEUE_BODY_BYTES_PER_SOURCE_MAX = 32 * 1024 * 1024
/** Own pending requests that are shared again at once. */
export const RESHARE_MAX = 64

/** Views of which a member's votes are kept at one height; of more the lowest goes. */
export const VIEWS_KEPT = 32
/** Blocks known at one height: one a view, and what a lock or a certificate names. */
export const CONTENTS_MAX = 8
/** Blocks of one height that stay because this member gave them VOTE1; of more the one of the oldest vote goes. */
export const VOTED_MAX = 8
/** QC1s that wait for the QC1s their votes rely on. */
export const PARKED_MAX = 64
/** Executions that run or wait at one height. */
export const EXECUTIONS_MAX = 8
/** Heights below the head whose statements are kept for late evidence. */
export const PAST_ROUNDS = 8
/** Heights above the head for which messages are kept. */
export const FUTURE_ROUNDS = 1
/** Lies of one member that are told of, each once; who lied so often is known well enough. */
export const LIES_MAX = 64
/** States of snapshot heights that are kept at once. */
export const STATES_MAX = 16
/** Blocks of a catch-up that wait for their turn: one answer's worth. */
export const FETCHED_MAX = 64
/** A fetch that was not answered for so many Δ is given up. */
export const FETCH_DELTAS = 30
/** A member that begins asks again after so many Δ, until enough have answered. */
export const GREETING_DELTAS = 1
/** A member that had nothing of use to give is asked again after so many Δ. */
export const REST_DELTAS = 2
