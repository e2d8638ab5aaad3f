import { onNode } from './hosts.ts'
import { linksSuite } from './links.ts'

linksSuite('Node', onNode)
