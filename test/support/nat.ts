// A small internet of network namespaces, for a process that has a network and a mount namespace of its own (NAMESPACE): everything is gone with it.
//
//   home1 192.168.1.2 ── nat1 203.0.113.101 ──┐
//                                             ├── br0, where this process is: 203.0.113.1, and one address a public machine
//   home2 192.168.1.2 ── nat2 203.0.113.102 ──┘
//
// The homes have the same private address. A NAT masquerades what goes out and lets in what answers it, and nothing else.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'

/** In front of a command: it has a network and mounts of its own, and may change them. */
export const NAMESPACE = ['unshare', '--map-root-user', '--net', '--mount', '--propagation', 'private'] as const
export const INTERNET = '203.0.113.1'

const COMMAND_MS = 10_000

function run(...words: readonly string[]): void {
  const [command = '', ...rest] = words
  execFileSync(command, rest, { timeout: COMMAND_MS, stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Why no such internet can be made here; undefined: it can. */
export function whyNoNat(): string | undefined {
  for (const tool of ['unshare', 'nsenter', 'ip', 'iptables', 'mount'])
    if (spawnSync(tool, ['-V']).error !== undefined) return `${tool} is not installed`
  const [command, ...rest] = NAMESPACE
  const rehearsal =
    'mount -t tmpfs tmpfs /run && ip netns add one && nsenter --net=/run/netns/one sh -c "echo 1 > /proc/sys/net/ipv4/ip_forward && iptables -t nat -A POSTROUTING -j MASQUERADE"'
  const done = spawnSync(command, [...rest, 'sh', '-c', rehearsal], { timeout: COMMAND_MS, encoding: 'utf8' })
  return done.status === 0 ? undefined : `no network namespaces with NAT are allowed here: ${done.stderr.trim()}`
}

/** In front of a command: it runs at that home. */
export function atHome(index: number): readonly string[] {
  return ['nsenter', `--net=/run/netns/home${index}`]
}

function inNat(index: number, ...words: readonly string[]): void {
  run('nsenter', `--net=/run/netns/nat${index}`, ...words)
}

/** `publics`: addresses of public machines, in 203.0.113.0/24. */
export function layInternet(publics: readonly string[], homes: number): void {
  run('mount', '-t', 'tmpfs', 'tmpfs', '/run')
  run('ip', 'link', 'set', 'lo', 'up')
  run('ip', 'link', 'add', 'br0', 'type', 'bridge')
  for (const address of [INTERNET, ...publics]) run('ip', 'address', 'add', `${address}/24`, 'dev', 'br0')
  run('ip', 'link', 'set', 'br0', 'up')
  for (let index = 1; index <= homes; index++) layHome(index)
}

function layHome(index: number): void {
  const [nat, home] = [`nat${index}`, `home${index}`]
  for (const name of [nat, home]) run('ip', 'netns', 'add', name)
  run('ip', 'link', 'add', `wan${index}`, 'type', 'veth', 'peer', 'name', 'wan', 'netns', nat)
  run('ip', 'link', 'set', `wan${index}`, 'master', 'br0', 'up')
  inNat(index, 'ip', 'link', 'add', 'lan', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', home)
  inNat(index, 'ip', 'address', 'add', `203.0.113.${100 + index}/24`, 'dev', 'wan')
  inNat(index, 'ip', 'address', 'add', '192.168.1.1/24', 'dev', 'lan')
  for (const device of ['lo', 'wan', 'lan']) inNat(index, 'ip', 'link', 'set', device, 'up')
  inNat(index, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
  inNat(index, 'iptables', '-t', 'nat', '-A', 'POSTROUTING', '-o', 'wan', '-j', 'MASQUERADE')
  for (const chain of ['INPUT', 'FORWARD']) {
    inNat(index, 'iptables', '-P', chain, 'DROP')
    inNat(index, 'iptables', '-A', chain, '-i', 'lan', '-j', 'ACCEPT')
    inNat(index, 'iptables', '-A', chain, '-m', 'conntrack', '--ctstate', 'ESTABLISHED,RELATED', '-j', 'ACCEPT')
  }
  const inHome = (...words: readonly string[]): void => run(...atHome(index), ...words)
  inHome('ip', 'address', 'add', '192.168.1.2/24', 'dev', 'eth0')
  for (const device of ['lo', 'eth0']) inHome('ip', 'link', 'set', device, 'up')
  inHome('ip', 'route', 'add', 'default', 'via', '192.168.1.1')
}

/** The line of a home: nothing goes over it while it is down, and nobody is told. */
export function setLine(index: number, state: 'up' | 'down'): void {
  run('ip', 'link', 'set', `wan${index}`, state)
}

export async function passOn(
  from: { readonly host?: string; readonly port: number } | string,
  to: { readonly host: string; readonly port: number } | string,
): Promise<Server> {
  const server = createServer((socket) => {
    const onward = typeof to === 'string' ? connect(to) : connect(to.port, to.host)
    for (const each of [socket, onward]) each.on('error', () => {})
    socket.once('close', () => onward.destroy())
    onward.once('close', () => socket.destroy())
    socket.pipe(onward).pipe(socket)
  })
  server.listen(from)
  await once(server, 'listening')
  return server
}

/** A loopback port of a home, at the same port of our own: through a socket in a file, which no NAT is between. It is how the test asks, and nobody else. */
export async function peepAtHome(index: number, port: number, directory: string): Promise<Disposable> {
  const path = join(directory, `home${index}-${port}.sock`)
  const child = spawn(
    atHome(index)[0] ?? '',
    [...atHome(index).slice(1), process.execPath, import.meta.filename, path, String(port)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  await once(child.stdout, 'data')
  const server = await passOn({ host: '127.0.0.1', port }, path)
  return {
    [Symbol.dispose]() {
      server.close()
      child.kill('SIGKILL')
    },
  }
}

if (process.argv[1] === import.meta.filename) {
  const [path = '', port = ''] = process.argv.slice(2)
  await passOn(path, { host: '127.0.0.1', port: Number(port) })
  process.stdout.write('ready\n')
  process.stdin.on('end', () => process.exit(0)).resume()
}
