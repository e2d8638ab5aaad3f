import { onNode } from './hosts.ts'
import { socketsSuite } from './sockets.ts'

socketsSuite('Node', onNode)
