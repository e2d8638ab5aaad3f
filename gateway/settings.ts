// The numbers of the gateway, each with the reason for its size. Times in ms.

/** How often a seeder is asked to renew. */
export const RENEW_MS = 5_000
/** A seeder that was not heard for this long is out: three renewals. */
export const FRESH_MS = 15_000
/** How long what stands in the database is believed by a gateway that has not heard the seeder itself. */
export const LEASE_MS = 300_000
/** The database is written anew when less than this is left of a lease. */
export const LEASE_RENEW_MS = LEASE_MS / 2
/** A registration's own life, `expires − time`, may be no longer. */
export const REGISTRATION_LIFE_MS_MAX = 60_000
export const CLOCK_SKEW_MS_MAX = 30_000
/** A clock that moved by more than this against ours is a change that is written down. */
export const SKEW_DRIFT_MS = 1_000
/** How often, at most, what other isolates wrote is read, off the way of any request. */
export const REFILL_MS = 5_000
/** Rows written this long before the last reading are read again: clocks of isolates differ. */
export const REFILL_OVERLAP_MS = 10_000
/** Rows are kept past their end so that their time still bars a replay. */
export const EXPIRED_KEPT_MS = 600_000

/** Canonical bytes of a registration: 256 sites, 256 sights and 64 accusations fit. */
export const REGISTRATION_BYTES_MAX = 128 * 1024
/** Bodies that are coming, all together: an isolate has 128 MB. */
export const BODIES_BYTES_MAX = 16 * 1024 * 1024
/** From a body's first part to its last: a network file of 4 MiB at 2 Mbit/s. */
export const BODY_MS_MAX = 20_000
/** Path and query of a redirect: what a site's request may have. */
export const TARGET_BYTES_MAX = 8 * 1024
/** A crawler reads 500 KiB of a `robots.txt` at least, and may read no more (RFC 9309 §2.5). */
export const ROBOTS_BYTES_MAX = 400 * 1024
/** `robots.txt` and the sitemap index may be kept so long. */
export const CRAWL_KEPT_SECONDS = 3_600
/** The home page names this many at a time. */
export const SITES_ON_HOME_PAGE_MAX = 30
/** What a site's own page says of its newest certificate is asked of a member so often at most. */
export const ABOUT_KEPT_MS = 2_000
/** Sites of which this is asked at a time. */
export const ABOUT_LOOKS_MAX = 16
/** Members that are asked for it, one after the other. */
export const ABOUT_MEMBERS_ASKED = 3
/** How long each may take. */
export const ABOUT_HEAD_MS = 3_000
/** A page that renews itself asks so often. */
export const ABOUT_RENEWED_MS = 3_000
/** Hashes of proofs that were judged and need not be sent again. */
export const JUDGED_MAX = 4096
/** Verification keys kept parsed. */
export const CRYPTO_KEYS_MAX = 4096
/** A signed bootstrap answer is given again for this long: its time is a voice in clock agreement, so not for longer. */
export const BOOTSTRAP_KEPT_MS = 50
/** How often another peer comes first in a bootstrap answer. */
export const BOOTSTRAP_TURN_MS = 1_000
/** What a client is told to wait when nobody is there. */
export const RETRY_AFTER_SECONDS = 5
/** What the visits of sites that the gateway carries hold, all together: an isolate has 128 MB. */
export const VISITS_BYTES_MAX = 64 * 1024 * 1024
/** Of it, what their visitors send and what is not whole yet. */
export const VISIT_BODIES_BYTES_MAX = 32 * 1024 * 1024
/** How long a member is asked to wait for an event. */
export const EVENT_WAIT_SECONDS = 10
/** Between two questions for a stream of events that brought none. */
export const EVENT_RETRY_MS = 1_000
/** A stream of events that no member goes on with for so long ends; the browser comes again. */
export const EVENT_TRIES_MS = 30_000
/** A visitor's WebSocket is asked whether it lives this often, and ends when nothing was heard from it for so long. */
export const SOCKET_PING_MS = 20_000
export const SOCKET_SILENCE_MS = 40_000
/** How long one lives where it cannot be asked. */
export const SOCKET_LIFE_MS = 60 * 60_000
/** 8 MiB at 1 Mbit/s. */
export const VISIT_BODY_MS_MAX = 75_000
/** Copies of carried sites, for the time when none of their members answers: all together, and of one site. */
export const COPIES_BYTES_MAX = 16 * 1024 * 1024
export const COPIES_SITE_BYTES_MAX = 4 * 1024 * 1024
/** A copy is shown for a day: a night in which a group of homes is off, and no longer than a mistake in it should last. */
export const COPY_KEPT_MS = 24 * 60 * 60_000
/** Behind a visit an address is asked for a copy so often at most. */
export const COPY_RENEW_MS = 60_000
/** Addresses that are asked for one at a time. */
export const COPIES_ASKED_MAX = 4
/** How long that may take: what goes on behind an answer ends at the edge after 30 s, wherever it stands then. */
export const COPY_ASK_MS_MAX = 20_000
/** After a visitor waited for nobody, the next ones that can have a copy get it at once. */
export const AWAY_MS = 30_000
/** Lengths of bodies that were shown, each under 200 bytes in memory. */
export const LENGTHS_MAX = 4_096
