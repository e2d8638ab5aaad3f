import { onWorkerd } from './hosts.ts'
import { linksSuite } from './links.ts'

linksSuite('workerd', onWorkerd)
