// `interpeer dev`: the site in a folder on four real replicas in this process, published anew on every save.

import { existsSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { CONFIG_FILE, issueText } from '#cli/bundle/config-file.ts'
import { migrationsOf } from '#cli/command/publish.ts'
import { type Command, type CommandContext, flagOf, numberOf, stringOf } from '#cli/command.ts'
import { type Edition, editionOf, shortPath } from '#cli/dev/edition.ts'
import { type Caught, createAnswerCheck, createEvidenceKeeper } from '#cli/dev/liar.ts'
import { createLogFeed } from '#cli/dev/log-feed.ts'
import { REPLICAS, type Replicas, startReplicas } from '#cli/dev/replicas.ts'
import { watchFolder } from '#cli/dev/watch.ts'
import { EXIT, Failure, failed, usageFailure } from '#cli/failure.ts'
import { publishSite } from '#cli/publish/publish.ts'
import type { Output } from '#cli/terminal/output.ts'
import { assert } from '#protocol/codec/result.ts'
import { textFromCid } from '#protocol/content/cid.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { BYZANTINE_KINDS, type ByzantineKind } from '#seeder/byzantine/kinds.ts'
import type { LogLine } from '#seeder/execute/port.ts'
import type { HostedSite } from '#seeder/serve/port.ts'

/** How often logs, evidence and members are looked at. */
const LOOK_MS = 150
const WORD_WIDTH = 9
/** The group's own log lines about updates: this command says the same with more. */
const OF_UPDATES = /^update \d+ (?:is live|was refused)/

export const command: Command = {
  name: 'dev',
  summary: 'run the site in a folder on four real replicas here, and again on every save',
  usage: 'dev [FOLDER] [--port PORT] [--fresh] [--byzantine KIND] [--json]',
  about:
    'A save bundles the folder and has the four agree on the update, as on a real network: code and new migrations at one height, or nothing.\nWhat does not bundle, and what the group refuses, leaves the code that is live as it is. Data stays between runs in FOLDER/.interpeer/dev.',
  options: {
    port: { type: 'string', value: 'PORT', help: 'HTTP port of the first replica (default: the one it had, else any)' },
    dir: { type: 'string', value: 'DIR', help: "the replicas' data (default FOLDER/.interpeer/dev)" },
    fresh: { type: 'boolean', help: 'begin with empty databases' },
    byzantine: { type: 'string', value: 'KIND', help: `replica ${REPLICAS} misbehaves: ${BYZANTINE_KINDS.join(', ')}` },
  },
  positionals: { min: 0, max: 1 },
  examples: ['interpeer dev', 'interpeer dev my-site --port 8080', 'interpeer dev my-site --byzantine wrong-result'],
  run,
}

function byzantineOf(context: CommandContext): ByzantineKind | undefined {
  const given = stringOf(context, 'byzantine')
  const kind = BYZANTINE_KINDS.find((known) => known === given)
  if (given !== undefined && kind === undefined)
    throw usageFailure(`--byzantine is one of ${BYZANTINE_KINDS.join(', ')}, not '${given}'`)
  return kind
}

async function run(context: CommandContext): Promise<number> {
  const { output, signal } = context
  const folder = resolve(context.positionals[0] ?? '.')
  if (!existsSync(join(folder, CONFIG_FILE)))
    throw usageFailure(`there is no ${CONFIG_FILE} in ${folder}`, "'interpeer init FOLDER' begins a site.")
  const directory = resolve(stringOf(context, 'dir') ?? join(folder, '.interpeer', 'dev'))
  const port = numberOf(context, 'port', { default: 0, min: 0, max: 65_535 })
  const byzantine = byzantineOf(context)
  if (flagOf(context, 'fresh')) emptied(directory)
  output.note(`Starting ${REPLICAS} replicas in ${directory}`)
  await using replicas = await startReplicas({
    directory,
    port,
    signal,
    ...(byzantine === undefined ? {} : { byzantine }),
  })
  const session = new Session(context, folder, directory, replicas, byzantine)
  await session.run()
  output.note('Stopping …')
  return EXIT.interrupted
}

/** Removes what an earlier run left; a folder that is something else stays untouched. */
function emptied(directory: string): void {
  if (!existsSync(directory)) return
  if (!existsSync(join(directory, 'network.pem')))
    throw failed(
      'not_ours',
      `${directory} was not made by 'interpeer dev'`,
      'Name another --dir, or leave out --fresh.',
    )
  rmSync(directory, { recursive: true })
}

class Session {
  readonly #output: Output
  readonly #signal: AbortSignal
  readonly #folder: string
  readonly #directory: string
  readonly #replicas: Replicas
  readonly #byzantine: ByzantineKind | undefined
  /** Name and root of what is live. */
  #live: { readonly name: string; readonly root: string } | undefined
  #isStale = true
  #isReady = false
  #wake: () => void = () => {}

  constructor(
    { output, signal }: CommandContext,
    folder: string,
    directory: string,
    replicas: Replicas,
    byzantine: ByzantineKind | undefined,
  ) {
    this.#output = output
    this.#signal = signal
    this.#folder = folder
    this.#directory = directory
    this.#replicas = replicas
    this.#byzantine = byzantine
  }

  /** Until interrupted. */
  async run(): Promise<void> {
    using _watch = watchFolder(this.#folder, [this.#directory], () => {
      this.#isStale = true
      this.#wake()
    })
    this.#signal.addEventListener('abort', () => this.#wake(), { once: true })
    const looking = this.#look()
    while (!this.#signal.aborted) {
      const changed = new Promise<void>((wake) => {
        this.#wake = wake
      })
      if (this.#isStale) {
        this.#isStale = false
        await this.#publish()
      } else await changed
    }
    await looking
  }

  async #publish(): Promise<void> {
    const began = performance.now()
    const edition = await editionOf(this.#folder)
    if (!edition.ok) {
      this.#output.event({ event: 'refused', code: edition.error[0]?.code, issues: edition.error })
      this.#line('error', edition.error.map(issueText).join('\n'))
      return this.#old()
    }
    const { name, root } = edition.value
    if (this.#live?.root === root && this.#live.name === name) return
    const held = this.#replicas.all[0]?.sites.byName(name)?.head()
    if (this.#live === undefined && held !== undefined && textFromCid(held.codeRoot) === root) {
      this.#live = { name, root }
      this.#line('live', `height ${held.height}, ${contentsOf(edition.value)}, as it was left`)
      return this.#ready(name)
    }
    if (this.#live !== undefined && this.#live.name !== name) {
      this.#line('site', `the name is '${name}' now: a new site begins, '${this.#live.name}' stays as it is`)
    }
    try {
      const published = await publishSite({
        folder: edition.value,
        network: async () => this.#replicas.admission.file(),
        signer: this.#replicas.uploader,
        signal: this.#signal,
        progress: () => {},
        size: REPLICAS,
      })
      const isFirst = this.#live?.name !== name
      this.#live = { name, root }
      const migrations = migrationsOf(published.answer)
      const ms = Math.round(performance.now() - began)
      this.#output.event({ event: 'published', ...published, migrations, ms })
      const what = migrations.length === 0 ? '' : `, migrated ${migrations.join(', ')}`
      this.#line('live', `height ${published.height}, ${contentsOf(edition.value)}${what} (${ms} ms)`)
      if (isFirst) await this.#ready(name)
    } catch (cause) {
      if (!(cause instanceof Failure)) throw cause
      if (this.#signal.aborted) return
      this.#output.event({ event: 'refused', code: cause.code, message: cause.message, issues: [] })
      this.#line('error', cause.message)
      if (cause.code === 'migration_changed')
        this.#line('', "To begin again with empty databases: 'interpeer dev --fresh'.")
      this.#old()
    }
  }

  #old(): void {
    if (this.#live === undefined) this.#line('', 'Nothing is live yet; the next save tries again.')
    else this.#line('', 'The code from before stays live.')
  }

  /** Says where the site is, once each replica has it. */
  async #ready(name: string): Promise<void> {
    const { all, networkPath } = this.#replicas
    while (!all.every((seeder) => (seeder.sites.byName(name)?.head()?.height ?? 0) > 0)) {
      if (this.#signal.aborted) return
      // A liar may never have it.
      if (this.#byzantine !== undefined && (all[0]?.sites.byName(name)?.head()?.height ?? 0) > 0) break
      await pause(LOOK_MS)
    }
    const places = all.map((seeder) => ({
      peer: seeder.peer,
      url: `${seeder.originOf(name)}/`,
      http: seeder.http,
      control: seeder.control,
    }))
    this.#isReady = true
    const [first] = places
    assert(first !== undefined, 'there are replicas')
    this.#output.event({ event: 'ready', site: name, url: first.url, network: networkPath, replicas: places })
    const { style } = this.#output
    this.#output.line()
    this.#output.line(`${style.good('●')} ${style.bold(name)} is on ${REPLICAS} replicas`)
    this.#output.line()
    for (const [index, { url }] of places.entries()) {
      const isLiar = this.#byzantine !== undefined && index === REPLICAS - 1
      const remark = isLiar ? style.bad(`  lies (${this.#byzantine})`) : ''
      this.#output.line(`  replica ${index + 1}  ${style.link(url)}${remark}`)
    }
    this.#output.line()
    this.#output.line(
      style.dim(`  Saves in ${this.#folder} go live. Checks: npx interpeer verify URL --network ${networkPath}`),
    )
    this.#output.line(style.dim('  Ctrl-C stops.'))
    this.#output.line()
  }

  /** Shows the site's log, evidence and the members' state as they come. */
  async #look(): Promise<void> {
    const { all, networkPath } = this.#replicas
    const feed = createLogFeed()
    const fresh = createEvidenceKeeper(join(this.#directory, 'evidence'))
    const liar = this.#byzantine === undefined ? undefined : all[REPLICAS - 1]
    const check =
      liar === undefined
        ? undefined
        : createAnswerCheck(liar, networkPath, (verdict, url) => {
            this.#output.event({ event: 'verdict', replica: REPLICAS, url, ...verdict })
            if (!verdict.valid)
              this.#line('verify', `replica ${REPLICAS}'s answer is refused: ${verdict.code}, ${verdict.message}`)
            else this.#line('verify', `replica ${REPLICAS}'s answer is valid`)
          })
    const states = new Map<string, string>()
    const checks = new Set<Promise<void>>()
    while (!this.#signal.aborted) {
      const name = this.#live?.name
      const sites = all.map((seeder) => (name === undefined ? undefined : seeder.sites.byName(name)))
      for (const line of feed.look(sites)) this.#log(line)
      // What a liar holds against others is its own word.
      const honest = sites.filter((_, index) => all[index] !== liar)
      for (const caught of fresh(honest.flatMap((site) => site?.status().evidence ?? []))) this.#caught(caught)
      this.#members(sites[0], states)
      const height = sites[0]?.head()?.height
      if (check !== undefined && name !== undefined && height !== undefined && height > 0) {
        const checking = check(name, height).finally(() => checks.delete(checking))
        checks.add(checking)
      }
      await pause(LOOK_MS, undefined, { signal: this.#signal }).catch(() => {})
    }
    await Promise.allSettled(checks)
  }

  #caught(caught: Caught): void {
    const replica = this.#numberOf(caught.accused)
    this.#output.event({ event: 'evidence', replica, ...caught })
    const { height, view } = caught
    const where = height === undefined ? '' : ` at height ${height}${view === undefined ? '' : `, view ${view}`}`
    this.#line('caught', `replica ${replica}: ${caught.kind}${where}, ${caught.meaning}`)
    this.#line('', `proof: ${shortPath(caught.file)}`)
  }

  /** What the first replica sees of the others, when it changes. */
  #members(site: HostedSite | undefined, states: Map<string, string>): void {
    if (!this.#isReady) return
    for (const member of site?.status().members ?? []) {
      const peer = peerName(member.peer)
      const before = states.get(peer)
      states.set(peer, member.state)
      if (member.state === 'self' || before === member.state) continue
      if (before === undefined && member.state !== 'silent') continue
      const replica = this.#numberOf(peer)
      this.#output.event({ event: 'member', replica, state: member.state, height: member.height })
      const isLiar = this.#byzantine !== undefined && replica === REPLICAS
      if (isLiar || member.state === 'silent' || before === 'silent')
        this.#line('member', `replica ${replica} is ${member.state}`)
    }
  }

  #numberOf(peer: string): number {
    return this.#replicas.all.findIndex((seeder) => seeder.peer === peer) + 1
  }

  #log({ level, text, time }: LogLine): void {
    this.#output.event({ event: 'log', level, text, time })
    if (!OF_UPDATES.test(text)) this.#line(level === 'info' ? 'log' : level, text)
  }

  /** One remark of several lines, with its first word in colour. */
  #line(word: string, text: string): void {
    const { style } = this.#output
    const padded = word.padEnd(WORD_WIDTH)
    const shown =
      word === 'error' || word === 'caught'
        ? style.bad(padded)
        : word === 'warn' || word === 'verify' || word === 'member'
          ? style.warn(padded)
          : word === 'live'
            ? style.good(padded)
            : style.dim(padded)
    const [first = '', ...more] = text.split('\n')
    this.#output.line(`${style.dim(new Date().toTimeString().slice(0, 8))} ${shown}${first}`)
    for (const line of more) this.#output.line(`${' '.repeat(9 + WORD_WIDTH)}${line}`)
  }
}

function contentsOf({ scriptBytes, files }: Edition): string {
  const script = scriptBytes === 0 ? [] : [`script ${(scriptBytes / 1024).toFixed(1)} KiB`]
  return [...script, ...(files === 0 ? [] : [`${files} ${files === 1 ? 'file' : 'files'}`])].join(', ')
}
