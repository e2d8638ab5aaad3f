// Our gateway on Node, as `interpeer gateway` starts it, in a process of its own so that its CPU can be told.

import { startNodeGateway } from '#gateway/node/start.ts'
import { answering, argument } from './answer.ts'

const { directory, networkKey, networkFile } =
  argument<Readonly<Record<'directory' | 'networkKey' | 'networkFile', string>>>()
const log = (level: string, event: string, facts: object): void => console.error(level, event, JSON.stringify(facts))
const { url } = await startNodeGateway({ port: 0, directory, networkKey, networkFile, log })
answering({ url }, () => ({}))
