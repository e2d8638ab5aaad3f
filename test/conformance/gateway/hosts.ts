// The kinds of process that a gateway runs as: workerd with the bindings of `wrangler.toml`, and Node. The same suites hold for each.

import { startGateway } from '#gateway/local/start.ts'
import { startNodeGateway } from '#gateway/node/start.ts'

export type GatewayStart = {
  readonly port: number
  readonly directory: string
  readonly networkKey: string
  readonly networkFile?: string
}

export type RunningGateway = {
  readonly url: string
  dispose(): Promise<void>
}

/** Starts one on 127.0.0.1; its sites domain is `sites.localhost:<port>`. */
export type GatewayHost = (options: GatewayStart) => Promise<RunningGateway>

export const onWorkerd: GatewayHost = startGateway

export const onNode: GatewayHost = async (options) => {
  const gateway = await startNodeGateway({ ...options, log: () => {} })
  return {
    url: gateway.url,
    async dispose() {
      await gateway[Symbol.asyncDispose]()
    },
  }
}
