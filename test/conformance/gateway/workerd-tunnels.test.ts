import { onWorkerd } from './hosts.ts'
import { tunnelsSuite } from './tunnels.ts'

tunnelsSuite('workerd', onWorkerd, { forgets: true })
