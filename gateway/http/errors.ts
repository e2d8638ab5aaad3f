// Every way in which the gateway says no: a code for machines, a sentence for people, and the one place that knows the status.

import { unreachable } from '#protocol/codec/result.ts'
import type { DenyReason } from '#protocol/directory/deny-list.ts'

export type GatewayError =
  | { readonly code: 'unknown_name'; readonly name: string }
  | { readonly code: 'gone_name'; readonly name: string }
  | {
      readonly code: 'denied'
      readonly name: string
      readonly reason: DenyReason
      readonly text: string
      /** Whose list says so. */
      readonly issuer: string
      readonly appeal: string
      readonly reference?: string
    }
  | { readonly code: 'unknown_issuer' }
  | { readonly code: 'old_deny_list'; readonly version: number }
  | { readonly code: 'unknown_peer' }
  | { readonly code: 'not_found' }
  | { readonly code: 'no_living_member'; readonly name: string }
  | { readonly code: 'no_honest_member'; readonly name: string }
  | { readonly code: 'site_refuses'; readonly name: string; readonly status: number }
  | { readonly code: 'no_tunnels' }
  | { readonly code: 'upgrade_required' }
  | { readonly code: 'socket_version' }
  | { readonly code: 'socket_key' }
  | { readonly code: 'foreign_origin' }
  | { readonly code: 'method_not_allowed'; readonly allow: string }
  | { readonly code: 'target_too_long'; readonly actualBytes: number; readonly maxBytes: number }
  | { readonly code: 'body_too_large'; readonly maxBytes: number }
  | { readonly code: 'body_too_slow'; readonly maxMs: number }
  | { readonly code: 'malformed'; readonly detail: string }
  | { readonly code: 'bad_dns_query'; readonly detail: string }
  | { readonly code: 'unsupported_media_type'; readonly expected: string }
  | { readonly code: 'wrong_gateway'; readonly expected: string }
  | { readonly code: 'clock_skew'; readonly skewMs: number; readonly maxMs: number; readonly time: number }
  | { readonly code: 'bad_expiry'; readonly maxMs: number }
  | { readonly code: 'bad_origin'; readonly origin: string }
  | { readonly code: 'bad_signature' }
  | { readonly code: 'not_a_member'; readonly network_version: number }
  | { readonly code: 'not_of_this_job'; readonly job: string; readonly network_version: number }
  | { readonly code: 'replay'; readonly last: number }
  | { readonly code: 'old_network'; readonly version: number }
  | { readonly code: 'wrong_network' }
  | { readonly code: 'bad_evidence'; readonly detail: string }
  | { readonly code: 'rate_limited' }
  | { readonly code: 'overloaded' }
  | { readonly code: 'no_network' }
  | { readonly code: 'no_gateway_key' }
  | { readonly code: 'store_unavailable' }
  | { readonly code: 'internal' }

export type ErrorStatus =
  | 400
  | 401
  | 403
  | 404
  | 405
  | 408
  | 409
  | 410
  | 413
  | 414
  | 415
  | 421
  | 426
  | 429
  | 451
  | 500
  | 501
  | 502
  | 503

/** A stranger's fault is 4xx, our own limit 503, and 500 always means our bug. */
export function statusOf(error: GatewayError): ErrorStatus {
  switch (error.code) {
    case 'unknown_name':
    case 'unknown_peer':
    case 'unknown_issuer':
    case 'not_found':
      return 404
    case 'gone_name':
      return 410
    case 'no_honest_member':
      return 502
    // The members' own word, which nothing certifies: that the request is at fault, and no more.
    case 'site_refuses':
      return 400
    case 'no_tunnels':
      return 501
    case 'upgrade_required':
    case 'socket_version':
      return 426
    case 'method_not_allowed':
      return 405
    case 'body_too_slow':
      return 408
    case 'target_too_long':
      return 414
    case 'body_too_large':
      return 413
    case 'unsupported_media_type':
      return 415
    case 'malformed':
    case 'socket_key':
    case 'bad_dns_query':
    case 'clock_skew':
    case 'bad_expiry':
    case 'bad_origin':
    case 'bad_evidence':
      return 400
    case 'bad_signature':
      return 401
    case 'not_a_member':
    case 'not_of_this_job':
    case 'wrong_network':
    case 'foreign_origin':
      return 403
    case 'wrong_gateway':
      return 421
    case 'replay':
    case 'old_network':
    case 'old_deny_list':
      return 409
    case 'denied':
      return error.reason === 'law' ? 451 : 403
    case 'rate_limited':
      return 429
    case 'overloaded':
    case 'no_living_member':
    case 'no_network':
    case 'no_gateway_key':
    case 'store_unavailable':
      return 503
    case 'internal':
      return 500
    default:
      return unreachable(error)
  }
}

export function messageOf(error: GatewayError): string {
  switch (error.code) {
    case 'unknown_name':
      return `No site is called ${error.name}.`
    case 'gone_name':
      return `${error.name} was taken off this network by whoever published it.`
    case 'denied':
      return `This gateway leads nobody to ${error.name}. ${error.issuer} says: ${error.text}`
    case 'unknown_issuer':
      return 'This gateway follows no list of this key.'
    case 'old_deny_list':
      return `Version ${error.version} of this list is here already.`
    case 'unknown_peer':
      return 'No member of this network has this key.'
    case 'not_found':
      return 'There is nothing at this address.'
    case 'no_living_member':
      return `No seeder of ${error.name} answers just now. Its group keeps the site; try again in a few seconds.`
    case 'no_honest_member':
      return `No seeder of ${error.name} gave an answer that its group certified. Nothing of what they said is shown.`
    case 'site_refuses':
      return `The seeders of ${error.name} do not take this request (${error.status}).`
    case 'no_tunnels':
      return 'This gateway keeps no tunnels; visitors reach its seeders by themselves.'
    case 'upgrade_required':
      return 'This address is for the WebSocket of a seeder (RFC 6455).'
    case 'socket_version':
      return 'WebSockets of version 13 are spoken here.'
    case 'socket_key':
      return 'Sec-WebSocket-Key is the base64 of 16 bytes.'
    case 'foreign_origin':
      return 'A page of another origin opens no WebSocket here.'
    case 'method_not_allowed':
      return `This address takes ${error.allow} only.`
    case 'target_too_long':
      return `The address has ${error.actualBytes} bytes after the host; ${error.maxBytes} are the most.`
    case 'body_too_large':
      return `The body may have at most ${error.maxBytes} bytes.`
    case 'body_too_slow':
      return `The body did not come in time; it has ${error.maxMs} ms at most, and less while many come.`
    case 'malformed':
      return `The body is not what this address takes: ${error.detail}.`
    case 'bad_dns_query':
      return `This is no DNS query: ${error.detail}.`
    case 'unsupported_media_type':
      return `The body has to be ${error.expected}.`
    case 'wrong_gateway':
      return `The registration names another gateway; this one is ${error.expected}.`
    case 'clock_skew':
      return `Your clock is ${error.skewMs} ms from ours; ${error.maxMs} ms is the most.`
    case 'bad_expiry':
      return `A registration may not end before it was signed, and has to end within ${error.maxMs} ms.`
    case 'bad_origin':
      return `${error.origin} is not an origin that visitors can be sent to.`
    case 'bad_signature':
      return 'The signature does not verify.'
    case 'not_a_member':
      return 'This key is in no group of this network.'
    case 'not_of_this_job':
      return 'This key is not a member of the group of this job.'
    case 'replay':
      return 'A registration of this time or a later one was taken already; sign a new one.'
    case 'old_network':
      return `Version ${error.version} of the network file is here already.`
    case 'wrong_network':
      return 'This network file is of another network than this gateway serves.'
    case 'bad_evidence':
      return `This proves nothing: ${error.detail}.`
    case 'rate_limited':
      return 'Too many requests from this address; wait a few seconds.'
    case 'overloaded':
      return 'This gateway carries as many visits as it can; try again in a few seconds.'
    case 'no_network':
      return 'This gateway has no network file yet.'
    case 'no_gateway_key':
      return 'This gateway has no key of its own to sign with.'
    case 'store_unavailable':
      return 'The gateway cannot reach its database; try again in a few seconds.'
    case 'internal':
      return 'This is our bug. It has been written down.'
    default:
      return unreachable(error)
  }
}
