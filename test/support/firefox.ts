// Debian's Firefox, headless, with a profile of its own, driven by WebDriver BiDi (w3.org/TR/webdriver-bidi). `FIREFOX` names another binary.

import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { WebSocket } from 'ws'

export const FIREFOX_BINARY = process.env.FIREFOX ?? '/usr/bin/firefox-esr'
const START_MS = 90_000
const COMMAND_MS = 60_000
const LISTENING = /WebDriver BiDi listening on (ws:\/\/\S+)/

/** It speaks to nobody but whom a test names. */
const QUIET = {
  'app.normandy.enabled': false,
  'app.update.disabledForTesting': true,
  'browser.aboutConfig.showWarning': false,
  'browser.safebrowsing.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.getAddons.cache.enabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'toolkit.telemetry.enabled': false,
} as const

export type Firefox = AsyncDisposable & {
  /** The address where it ended; rejects with what Firefox says when nothing was there. */
  open(url: string): Promise<string>
  /** A value of the page that is open, of JSON's. */
  evaluate<T>(expression: string): Promise<T>
}

export type FirefoxOptions = {
  /** Its profile and its home; made here. */
  readonly directory: string
  readonly preferences: Readonly<Record<string, string | number | boolean>>
  /** A PEM file with an authority that it believes. */
  readonly authority: string
}

type Reply = {
  readonly type: 'success' | 'error' | 'event'
  readonly id?: number
  readonly result?: Record<string, unknown>
  readonly message?: string
}

export async function startFirefox({ directory, preferences, authority }: FirefoxOptions): Promise<Firefox> {
  const profile = join(directory, 'profile')
  mkdirSync(profile, { recursive: true })
  const lines = Object.entries({ ...QUIET, ...preferences }).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
  )
  writeFileSync(join(profile, 'user.js'), lines.join('\n'))
  const database = ['-d', `sql:${profile}`]
  execFileSync('certutil', ['-N', '--empty-password', ...database])
  execFileSync('certutil', ['-A', '-n', 'authority', '-t', 'C,,', '-i', authority, ...database])

  await using stack = new AsyncDisposableStack()
  const child = spawn(
    FIREFOX_BINARY,
    ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: directory, MOZ_CRASHREPORTER_DISABLE: '1' } },
  )
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()))
  stack.defer(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const said: string[] = []
  const address = await new Promise<string>((resolve, reject) => {
    const fail = (): void => reject(new Error(`Firefox did not start: ${said.join('').slice(-2_000)}`))
    const timer = setTimeout(fail, START_MS)
    void ended.then(fail)
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said.push(text)
      const [, found] = LISTENING.exec(said.join('')) ?? []
      if (found === undefined) return
      clearTimeout(timer)
      resolve(found)
    })
  })

  const socket = new WebSocket(`${address}/session`)
  stack.defer(() => socket.terminate())
  const waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>()
  socket.on('message', (data) => {
    const { id = -1, type, result = {}, message } = JSON.parse(String(data)) as Reply
    if (type === 'success') waiting.get(id)?.resolve(result)
    else if (type === 'error') waiting.get(id)?.reject(new Error(message))
  })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  let count = 0
  const command = async (method: string, params: object = {}): Promise<Record<string, unknown>> => {
    const id = ++count
    const waiter = Promise.withResolvers<Record<string, unknown>>()
    waiting.set(id, waiter)
    const timer = setTimeout(() => waiter.reject(new Error(`${method}: nothing within ${COMMAND_MS} ms`)), COMMAND_MS)
    socket.send(JSON.stringify({ id, method, params }))
    return waiter.promise.finally(() => {
      clearTimeout(timer)
      waiting.delete(id)
    })
  }
  await command('session.new', { capabilities: {} })
  const { contexts } = (await command('browsingContext.getTree')) as { contexts: { context: string }[] }
  const [{ context } = { context: '' }] = contexts
  const held = stack.move()
  return {
    async open(url) {
      const { url: at } = await command('browsingContext.navigate', { context, url, wait: 'complete' })
      return String(at)
    },
    async evaluate(expression) {
      const found = (await command('script.evaluate', {
        expression: `JSON.stringify(${expression})`,
        target: { context },
        awaitPromise: true,
      })) as { type: string; result?: { value: string } }
      if (found.type !== 'success') throw new Error(JSON.stringify(found))
      return JSON.parse(found.result?.value ?? 'null')
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}
