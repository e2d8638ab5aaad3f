// What each failed check means, for people. The codes are the ones of `protocol/answer`, of the transport and of this command.

import type { CheckError } from '#protocol/answer/check.ts'
import type { EvidenceError } from '#protocol/answer/evidence.ts'
import type { HttpSignatureError } from '#protocol/answer/http-signature.ts'
import type { SavedError } from '#protocol/answer/saved.ts'

export type VerifyCode =
  | CheckError['code']
  | EvidenceError['code']
  | HttpSignatureError['code']
  | SavedError['code']
  | 'unknown_job'
  | 'redirect_target'
  | 'content_digest'
  | 'http_signature'
  | 'http_signature_not_member'
  | 'members_differ'
  | 'height_gone'
  | 'signer_proven_liar'
  | 'not_comparable'

export const MEANINGS: Readonly<Record<VerifyCode, string>> = {
  wrong_job: 'the evidence is about another site',
  cert_epoch: "the certificate is of another epoch than the group's present one",
  cert_too_few_votes: 'the certificate has fewer votes than the quorum',
  cert_voter_order: 'the certificate lists a vote twice or out of order',
  cert_not_a_member: 'the certificate has a vote of nobody in the group',
  cert_jview: 'a vote in the certificate relies on a view that is not before its own',
  cert_signature: 'a signature in the certificate is not valid',
  cert_different_blocks: 'the two halves of the certificate are about different blocks',
  cert_block_hash: 'the certificate is not for the block that it shows',
  stale: 'the certificate is too old',
  from_the_future: 'the certificate is ahead of the clock',
  receipt_not_member: 'the receipt is signed by nobody in the group',
  receipt_epoch: 'the receipt is of another epoch than the certificate',
  receipt_height: 'the receipt is of another height than the certificate',
  receipt_signature: "the receipt's signature is not valid",
  state_root: 'the receipt names another state than the certified one',
  request_hash: 'the receipt is for another request',
  response_hash: 'the receipt is for another answer',
  path: 'the certified block does not hold this request with this answer',
  no_receipt: 'the answer carries no evidence',
  receipt_form: 'the receipt cannot be read',
  no_certificate: 'the answer carries no certificate',
  certificate_form: 'the certificate cannot be read',
  certificate_elsewhere: 'the certificate that the answer points to is not there',
  path_form: 'the Merkle path cannot be read',
  no_salt_hash: "the answer lacks the request's salt hash",
  salt_hash_form: "the request's salt hash cannot be read",
  no_http_signature: 'the answer has no HTTP message signature',
  http_signature_form: 'the HTTP message signature cannot be read',
  http_signature_field: 'the HTTP message signature covers a field that is not there',
  http_signature: 'the HTTP message signature is not valid',
  http_signature_not_member: 'the HTTP message is signed by nobody in the group',
  saved_form: 'this is not a saved answer, or it was changed',
  unknown_job: 'the site is not in the network file',
  redirect_target: 'the gateway led to another page than the one asked for',
  content_digest: 'the bytes received are not the ones that were digested',
  members_differ: 'another member gives another answer to the same request at the same height',
  height_gone: 'the other members have gone on from its height, so nobody can say whether they would answer the same',
  signer_proven_liar: 'the member that signed this is proven to have lied',
  not_comparable: "another member's answer does not verify",
}
