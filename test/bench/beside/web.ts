// nginx, php-fpm and Caddy with configurations of their own, in the foreground, in a directory that they are given.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import { debianProgram, freePort, type Program, startProgram } from '#test/bench/beside/program.ts'
import type { Target } from '#test/bench/client.ts'

const BENCH = join(import.meta.dirname, '..')
/** The root of a test machine runs its workers as itself; anybody else cannot choose. */
const IS_ROOT = process.getuid?.() === 0

export type WebServer = { readonly program: Program; readonly target: Target }

/** The rows of the site in a file; its path. */
export function rowsDatabase(directory: string): string {
  const path = join(directory, 'rows.sqlite')
  const database = new DatabaseSync(path)
  database.exec(readFileSync(join(BENCH, 'site', 'migrations', '0002_rows.sql'), 'utf8'))
  database.close()
  return path
}

/** One worker a processor, no log of visits. `server` is the inside of the one `server` block, `http` stands before it. */
export async function startNginx(directory: string, server: string, http = ''): Promise<WebServer> {
  const port = await freePort()
  const prefix = join(directory, 'nginx')
  mkdirSync(prefix, { recursive: true })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `  ${name}_temp_path ${join(prefix, name)};`,
  )
  const config = join(prefix, 'nginx.conf')
  writeFileSync(
    config,
    `${IS_ROOT ? 'user root;' : ''}
daemon off;
worker_processes ${availableParallelism()};
pid ${join(prefix, 'nginx.pid')};
error_log stderr error;
events { worker_connections 1024; }
http {
${temporary.join('\n')}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  default_type application/octet-stream;
  types { text/html html; text/css css; }
  ${http}
  server {
    listen 127.0.0.1:${port};
    ${server}
  }
}
`,
  )
  const program = await startProgram({
    command: debianProgram('nginx-light'),
    arguments: ['-p', prefix, '-c', config, '-e', 'stderr'],
    ready: { url: `http://127.0.0.1:${port}/` },
  })
  return { program, target: { host: '127.0.0.1', port } }
}

/** FastCGI's parameters that PHP needs, to a pool at `socket`. */
export function toPhp(socket: string, directory: string, database: string): string {
  return `fastcgi_pass unix:${socket};
      fastcgi_keep_conn on;
      fastcgi_param SCRIPT_FILENAME ${join(directory, 'rows.php')};
      fastcgi_param ROWS_DATABASE ${database};
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param REQUEST_URI $request_uri;
      fastcgi_param SERVER_PROTOCOL $server_protocol;`
}

/** As Debian has it: opcache on; a worker a processor that stays. Ready when the socket is there. */
export async function startPhp(directory: string): Promise<{ readonly program: Program; readonly socket: string }> {
  const command = debianProgram('php-fpm')
  cpSync(join(import.meta.dirname, 'rows.php'), join(directory, 'rows.php'))
  const socket = join(directory, 'php.sock')
  const config = join(directory, 'php-fpm.conf')
  writeFileSync(
    config,
    `[global]
error_log = ${join(directory, 'php-fpm.log')}
daemonize = no
[www]
${IS_ROOT ? 'user = root\ngroup = root' : ''}
listen = ${socket}
pm = static
pm.max_children = ${availableParallelism()}
clear_env = yes
`,
  )
  const program = await startProgram({
    command,
    arguments: ['--nodaemonize', '--fpm-config', config, ...(IS_ROOT ? ['--allow-to-run-as-root'] : [])],
    ready: { file: socket },
  })
  return { program, socket }
}

/** A file server of `folder`. */
export async function startCaddy(directory: string, folder: string): Promise<WebServer> {
  const port = await freePort()
  const home = join(directory, 'caddy')
  mkdirSync(home, { recursive: true })
  const config = join(home, 'Caddyfile')
  writeFileSync(
    config,
    `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  root * ${folder}
  file_server
}
`,
  )
  const program = await startProgram({
    command: debianProgram('caddy'),
    arguments: ['run', '--config', config, '--adapter', 'caddyfile'],
    env: { HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home },
    ready: { url: `http://127.0.0.1:${port}/` },
  })
  return { program, target: { host: '127.0.0.1', port } }
}
