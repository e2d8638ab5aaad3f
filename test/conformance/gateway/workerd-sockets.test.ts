import { onWorkerd } from './hosts.ts'
import { socketsSuite } from './sockets.ts'

socketsSuite('workerd', onWorkerd)
