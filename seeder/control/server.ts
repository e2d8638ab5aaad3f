// The control port: metrics, status and health for whoever runs this seeder. Loopback only, read only; a page of another origin cannot
// read it (no CORS) and a name that was pointed at 127.0.0.1 is refused (DNS rebinding).
//
//   /  dashboard · /status JSON · /log its newest lines, JSON lines · /metrics Prometheus · /healthz the process lives · /readyz every site has something to show
//
// Who can open a connection to loopback is on this machine, and may read what Prometheus does. Pages of others are kept out: they are told nothing
// (no CORS), may frame or embed nothing, and a browser that says it asks for another site's page is refused.

import { OWN_SCRIPT } from '#page/own-script.ts'
import { OWN_STYLE } from '#page/own-style.ts'
import { CONTENT_TYPE } from '#protocol/metrics/registry.ts'
import type { Log } from '#seeder/config/log.ts'
import { type ControlParts, observeFacts, seederFacts } from '#seeder/control/facts.ts'
import { type Loopback, type Page, startLoopback } from '#seeder/control/loopback.ts'
import type { RecentLine } from '#seeder/control/recent-log.ts'
import { DASHBOARD_ICON, dashboardPage } from '#seeder/dashboard/page.ts'

export type ControlOptions = ControlParts & {
  readonly log: Log
  /** The newest lines of it, newest first. */
  readonly recent?: () => readonly RecentLine[]
  /** 0: any free port. */
  readonly port: number
}

export async function startControl(options: ControlOptions): Promise<Loopback> {
  const { registry, log } = options
  observeFacts(options)

  function pageOf(path: string): Page | undefined {
    switch (path) {
      case '/':
        return {
          status: 200,
          type: 'text/html; charset=utf-8',
          body: dashboardPage(seederFacts(options), options.recent?.() ?? []),
        }
      case '/style.css':
        return { status: 200, type: 'text/css; charset=utf-8', body: OWN_STYLE }
      case '/page.js':
        return { status: 200, type: 'text/javascript; charset=utf-8', body: OWN_SCRIPT }
      case '/icon.svg':
        return { status: 200, type: 'image/svg+xml', body: DASHBOARD_ICON }
      case '/status':
        return { status: 200, type: 'application/json', body: `${JSON.stringify(seederFacts(options))}\n` }
      case '/log': {
        const lines = (options.recent?.() ?? []).toReversed()
        const text = lines.map(
          ({ time, ...line }) => `${JSON.stringify({ time: new Date(time).toISOString(), ...line })}\n`,
        )
        return { status: 200, type: 'application/jsonl', body: text.join('') }
      }
      case '/metrics':
        return { status: 200, type: CONTENT_TYPE, body: registry.text() }
      case '/healthz':
        return { status: 200, type: 'text/plain; charset=utf-8', body: 'ok\n' }
      case '/readyz': {
        const waiting = options.sites
          .all()
          .filter((site) => site.head() === undefined || site.status().state === 'degraded')
        const names = waiting.map(({ name }) => name).join(', ')
        return waiting.length === 0
          ? { status: 200, type: 'text/plain; charset=utf-8', body: 'ready\n' }
          : { status: 503, type: 'text/plain; charset=utf-8', body: `not ready: ${names}\n` }
      }
      default:
        return undefined
    }
  }

  return startLoopback({ port: options.port, pageOf, log })
}
