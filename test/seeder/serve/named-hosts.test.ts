// F32 A seeder under the names that DNS gives: `<site>.peer` and `<site>.ipn` on the listener that is no single site's, whatever its target.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchange } from '#cli/network/http.ts'
import { startEdge } from '#test/support/edge.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'

const group = hostedGroup('demo', { app: (request) => textResponse(200, `demo at ${request.target}`) })

for (const target of ['hosts', 'plain'] as const)
  test(`F32 --target ${target}: the site answers at its names, each an origin of its own; who has no such site says so`, async () => {
    await using edge = await startEdge(group, { target })
    const asked = (host: string) => exchange(`http://127.0.0.1:${edge.port}/page`, { headers: { host } })
    for (const host of ['demo.peer', 'demo.ipn:8080', 'Demo.Peer', 'demo.peer.']) {
      const { status, body, headers } = await asked(host)
      assert.deepEqual([status, body.toString()], [200, 'demo at /page'])
      assert.ok(headers['interpeer-receipt'])
    }
    for (const host of ['other.peer', 'peer', 'a.demo.peer', 'demo.peer.example', '.peer', 'demo.peer..'])
      assert.equal((await asked(host)).status, 404, host)
  })
