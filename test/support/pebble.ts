// Pebble, Let's Encrypt's own test server (Debian has it), with a resolver that leads every name to this machine.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { writeFileSync } from 'node:fs'
import { Agent, get } from 'node:https'
import { join } from 'node:path'
import process from 'node:process'
import { decode, encode } from '@dnsquery/dns-packet'
import { freePort } from '#test/bench/beside/program.ts'
import { createAuthority } from '#test/support/authority.ts'
import { until } from '#test/support/until.ts'

export type Pebble = AsyncDisposable & {
  readonly directory: string
  /** Trusts the server itself. */
  readonly agent: Agent
  /** Of the certificates that it gives, PEM. */
  authority(): Promise<string>
}

export function hasPebble(): boolean {
  return spawnSync('pebble', ['-h']).error === undefined
}

/** A records of this machine for whatever is asked. */
async function startResolver(): Promise<{ readonly at: string; close(): void }> {
  const socket = createSocket('udp4')
  socket.on('message', (message, { port, address }) => {
    const { id = 0, questions = [] } = decode(message)
    const answers = questions.flatMap(({ name, type }) =>
      type === 'A' ? [{ name, type: 'A' as const, ttl: 1, data: '127.0.0.1' }] : [],
    )
    socket.send(encode({ id, type: 'response', flags: 0x0180, questions, answers }), port, address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return { at: `127.0.0.1:${socket.address().port}`, close: () => socket.close() }
}

export async function startPebble(
  folder: string,
  ports: { readonly http: number; readonly tls: number },
): Promise<Pebble> {
  const own = await createAuthority()
  const given = await own.give(['localhost'])
  const [certificate, privateKey, config] = ['pebble.pem', 'pebble.key', 'pebble.json'].map((name) =>
    join(folder, name),
  )
  writeFileSync(certificate ?? '', given.certificate)
  writeFileSync(privateKey ?? '', given.key)
  const [port, management] = [await freePort(), await freePort()]
  const settings = {
    ...{ listenAddress: `127.0.0.1:${port}`, managementListenAddress: `127.0.0.1:${management}` },
    ...{ certificate, privateKey, httpPort: ports.http, tlsPort: ports.tls, ocspResponderURL: '' },
  }
  writeFileSync(config ?? '', JSON.stringify({ pebble: settings }))
  const resolver = await startResolver()
  const child: ChildProcess = spawn('pebble', ['-config', config ?? '', '-dnsserver', resolver.at], {
    stdio: 'ignore',
    env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '20' },
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const agent = new Agent({ ca: own.certificate })
  const read = (url: string): Promise<string> =>
    new Promise((resolve, reject) => {
      get(url, { agent, servername: 'localhost' }, (answer) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => {
          text += chunk.toString()
        })
        answer.on('end', () => resolve(text))
      }).on('error', reject)
    })
  const directory = `https://localhost:${port}/dir`
  await until('Pebble answers', () =>
    read(directory).then(
      (text) => text.includes('newOrder'),
      () => false,
    ),
  )
  return {
    directory,
    agent,
    authority: () => read(`https://localhost:${management}/roots/0`),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
      resolver.close()
      agent.destroy()
    },
  }
}
