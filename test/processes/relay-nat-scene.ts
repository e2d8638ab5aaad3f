// A group of four, of which two members are at homes behind a NAT each, in an internet of network namespaces (test/support/nat.ts).
//
//   node test/processes/relay-nat-scene.ts     in namespaces of its own
//   → one JSON line: what was seen

import { copyFileSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { agrees, LINES, levelLines, SITE, writeLine } from '#test/support/lines.ts'
import { atHome, INTERNET, layInternet, passOn, peepAtHome, setLine } from '#test/support/nat.ts'
import { homeLeads, linkedAsTheyCan, linksOf, stateComesAnew } from '#test/support/relayed.ts'
import { type SeederProcess, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

export type Seen = {
  /** What a connection from the internet to the address of a NAT, at the port of a home's site, ended with. */
  readonly knocked: string
  /** Addresses of the homes, as the network file has them. */
  readonly addresses: readonly (readonly string[])[]
  /** Between the homes: the label of who relays, before and after that one is killed. */
  readonly relays: readonly (string | undefined)[]
  readonly leader: string
  /** At every member, in the end. */
  readonly lines: readonly string[]
}

const PUBLICS = ['203.0.113.11', '203.0.113.12'] as const
const PORTS = [7100, 7200] as const
const WAIT_MS = 180_000

async function knock(host: string, port: number): Promise<string> {
  const socket = connect(port, host)
  socket.setTimeout(1_500)
  const { promise, resolve } = Promise.withResolvers<string>()
  socket.once('connect', () => resolve('connected'))
  socket.once('timeout', () => resolve('silent'))
  socket.once('error', (cause: NodeJS.ErrnoException) => resolve(cause.code ?? cause.message))
  return promise.finally(() => socket.destroy())
}

async function play(): Promise<Seen> {
  await using stack = new AsyncDisposableStack()
  layInternet(PUBLICS, PORTS.length)
  const seeders = stack.use(
    await startSeeders({
      count: 0,
      wraps: Object.fromEntries(
        PORTS.map((_, index) => [`home${index + 1}`, (words) => [...atHome(index + 1), ...words]]),
      ),
    }),
  )
  // Admission listens on loopback; out there it has an address.
  const { port: own } = new URL(seeders.admission.url)
  const front = await passOn({ host: INTERNET, port: 0 }, { host: '127.0.0.1', port: Number(own) })
  stack.defer(() => void front.close())
  seeders.admission.change({ admission: `http://${INTERNET}:${(front.address() as AddressInfo).port}` })

  const fileOf = (label: string): string => {
    // Each machine has a file of its own: what is new comes over the network.
    const path = join(seeders.directory, `${label}.json`)
    copyFileSync(seeders.networkPath, path)
    return path
  }
  for (const [index, address] of PUBLICS.entries()) {
    const label = `public${index + 1}`
    await seeders.start(label, '--network', fileOf(label), '--address', address, '--target', 'plain')
  }
  const words: string[][] = []
  for (const [index, port] of PORTS.entries()) {
    const label = `home${index + 1}`
    const more = [
      '--network',
      fileOf(label),
      '--reach',
      'nat',
      '--port',
      String(port),
      '--control-port',
      String(port + 1),
    ]
    words.push(more)
    await seeders.start(label, ...more)
    for (const each of [port, port + 1]) stack.use(await peepAtHome(index + 1, each, seeders.directory))
  }
  const named = (label: string): SeederProcess => {
    const found = seeders.all.find((seeder) => seeder.label === label)
    if (found === undefined) throw new Error(`there is no ${label}`)
    return found
  }
  const homes = (): readonly SeederProcess[] => [named('home1'), named('home2')]
  const entry = ({ ready }: SeederProcess) => seeders.admission.file().peers.find(({ peer }) => peer === ready.peer)
  const relay = async (): Promise<SeederProcess | undefined> => {
    const peer = (await linksOf(named('home1')))?.get(named('home2').ready.peer)
    return seeders.all.find(({ ready }) => ready.peer === peer)
  }

  await until('every seeder in the network file', () => seeders.all.every((each) => entry(each) !== undefined), WAIT_MS)
  await seeders.publish(LINES)
  for (const seeder of seeders.all) await until(`${SITE} at ${seeder.label}`, () => agrees(seeder), WAIT_MS)
  await until('all links', () => linkedAsTheyCan(seeders.all, homes()), WAIT_MS)
  for (const index of seeders.all.keys()) await writeLine(seeders, `from ${index}`, index)
  const leader = await homeLeads(seeders, homes())

  await until('all links', () => linkedAsTheyCan(seeders.all, homes()), WAIT_MS)
  const first = await relay()
  if (first === undefined) throw new Error('nobody relays')
  const file = join(seeders.directory, `${first.label}.json`)
  first.kill('SIGKILL')
  await first.exited
  await writeLine(seeders, 'without the relay', 0)
  const second = await until('a link through the other', async () => {
    const now = await relay()
    return now !== undefined && now !== first ? now : undefined
  })
  await writeLine(seeders, 'through the other', 0)
  const address = PUBLICS[first.label === 'public1' ? 0 : 1]
  const again = await seeders.restart(first, '--network', file, '--address', address, '--target', 'plain')
  await until('it agrees again', () => agrees(again), WAIT_MS)
  // Longer than any silence that is borne: every connection of the home is given up, at both ends.
  setLine(1, 'down')
  await writeLine(seeders, 'while the line was down', seeders.all.indexOf(named('public1')))
  await until(
    'nobody has a link to it',
    async () => {
      const others = await Promise.all(seeders.all.filter((each) => each !== named('home1')).map(linksOf))
      return others.every((links) => links !== undefined && !links.has(named('home1').ready.peer))
    },
    WAIT_MS,
  )
  setLine(1, 'up')
  await until('all links', () => linkedAsTheyCan(seeders.all, homes()), WAIT_MS)
  await writeLine(seeders, 'the line is back', seeders.all.indexOf(named('home1')))

  // One that lost its votes does not vote in this epoch: from here on all others are needed.
  await stateComesAnew(seeders, named('home2'), ...(words[1] ?? []))
  await until('all links', () => linkedAsTheyCan(seeders.all, homes()), WAIT_MS)
  const lines = await levelLines(seeders)
  return {
    knocked: await knock('203.0.113.101', PORTS[0]),
    addresses: homes().map((home) => entry(home)?.addresses ?? []),
    relays: [first.label, second.label],
    leader: leader.label,
    lines,
  }
}

process.stdout.write(`${JSON.stringify(await play())}\n`)
process.exit(0)
