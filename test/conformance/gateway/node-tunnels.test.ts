import { onNode } from './hosts.ts'
import { tunnelsSuite } from './tunnels.ts'

tunnelsSuite('Node', onNode, { forgets: false })
