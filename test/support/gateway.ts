// A real gateway in front of real seeders: the Worker in workerd, with the network file that their admission endpoint has now.

import { join } from 'node:path'
import { type LocalGateway, startGateway } from '#gateway/local/start.ts'
import type { Seeders } from '#test/support/seeders.ts'

/** From when it is there the network file names it, and the seeders register with it. */
export async function startGatewayOf({ admission, directory }: Seeders): Promise<LocalGateway> {
  const file = admission.file()
  const gateway = await startGateway({
    port: 0,
    directory: join(directory, 'gateway'),
    networkKey: file.network_key,
    networkFile: JSON.stringify(file),
  })
  admission.change({ gateways: [gateway.url] })
  return gateway
}
