// How a run can fail, and what the visitor gets then: bytes that follow from the code alone, because they are certified.
// What the script's author needs (message, stack) goes to the site's log and never into the answer.

import { bytesFromText } from '#protocol/codec/bytes.ts'
import { unreachable } from '#protocol/codec/result.ts'
import type { ScriptResponse } from '#seeder/execute/port.ts'

export type FailureCode =
  /** The request's fuel ran out. */
  | 'fuel'
  /** The script's memory is full. */
  | 'memory'
  /** Calls nested too deeply. */
  | 'depth'
  /** An exception reached the top. */
  | 'exception'
  /** All work ended and there was no answer. */
  | 'silent'
  /** The script's top level failed: no request can run. */
  | 'start'
  /** A status, header or body that HTTP cannot carry. */
  | 'response_form'
  | 'response_size'
  /** The engine itself gave up on what the script did. */
  | 'engine'
  /** The site's own data is in no form that the request can be served from. */
  | 'state'
  /** The site has no script. */
  | 'no_script'
  /** A read that took longer than this member allows: never part of an agreement. */
  | 'time'

type Page = { readonly status: number; readonly title: string; readonly text: string }

/** The script's fault is 502, its silence 504, a limit 503: 500 would be this program's own fault. */
function pageOf(code: FailureCode): Page {
  switch (code) {
    case 'fuel':
      return page(503, 'This page takes too long', 'The site’s script used more computation than one request may use.')
    case 'memory':
      return page(
        503,
        'This page needs too much memory',
        'The site’s script used more memory than one request may use.',
      )
    case 'depth':
      return page(503, 'This page nests too deeply', 'The site’s script called itself more often than a request may.')
    case 'exception':
      return page(
        502,
        'This page has an error',
        'The site’s script failed with an error. Its author finds it in the log.',
      )
    case 'silent':
      return page(504, 'This page gave no answer', 'The site’s script ended without an answer.')
    case 'start':
      return page(502, 'This site does not start', 'The site’s script fails before it can answer anything.')
    case 'response_form':
      return page(502, 'This page gave a broken answer', 'The site’s script gave an answer that HTTP cannot carry.')
    case 'response_size':
      return page(
        502,
        'This page gave too long an answer',
        'The site’s script gave an answer that is longer than allowed.',
      )
    case 'engine':
      return page(502, 'This page has an error', 'The site’s script broke a limit of the script engine.')
    case 'state':
      return page(502, 'This page cannot be served', 'The site’s data is damaged or has no room for what was asked.')
    case 'no_script':
      return page(404, 'Nothing is here', 'This site has no page of that name.')
    case 'time':
      return page(503, 'This page takes too long', 'This member stopped the site’s script after its time limit.')
    default:
      return unreachable(code)
  }
}

function page(status: number, title: string, text: string): Page {
  return { status, title, text }
}

/** The certified answer of a failed run. */
export function failureResponse(code: FailureCode): ScriptResponse {
  const { status, title, text } = pageOf(code)
  const html = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}code{opacity:.6}</style>
<h1>${title}</h1><p>${text}</p><p><code>${code}</code></p>
</html>
`
  const headers = [
    ['cache-control', 'no-store'],
    ['content-type', 'text/html; charset=utf-8'],
  ] as const
  return { status, headers, body: bytesFromText(html) }
}
