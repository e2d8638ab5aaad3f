// The site's script that runs one test file: the harness and the file's scripts are evaluated as classic scripts in the request, and
// every test's verdict is answered as JSON. Virtual time stands in for the harness's time-outs: what still waits after a minute of it never ends.

const VIRTUAL_MS = 60_000
const VERDICTS = ['pass', 'fail', 'timeout', 'not run', 'precondition failed']
const { eval: evaluate } = globalThis

function localFetch(files, directory) {
  return async (input) => {
    const path = new URL(String(input), `http://web-platform.test/${directory}/`).pathname.slice(1)
    const text = files[path]
    if (text === undefined) throw new TypeError(`${path} is not at hand`)
    return new Response(text)
  }
}

/** The File API's old reader, which some of its tests read blobs with; a site's script has none. */
class FileReader {
  #read(promise) {
    promise.then((result) => {
      this.result = result
      this.onload?.({ target: this })
    })
  }

  readAsText(blob) {
    this.#read(blob.text())
  }

  readAsArrayBuffer(blob) {
    this.#read(blob.arrayBuffer())
  }
}

/** Tests write addresses that are relative to their own page; a site's script has no page and writes whole ones. */
function withBase(Request, base) {
  return new Proxy(Request, {
    construct(target, [input, ...rest], created) {
      const whole = typeof input === 'string' ? (URL.parse(input, base)?.href ?? input) : input
      return Reflect.construct(target, [whole, ...rest], created === Request ? target : created)
    },
  })
}

/** `finish(verdict of the harness)` is called when it is done, at the latest when nothing but time is left to wait for. */
function watch(known, finish) {
  const note = (test) => known.set(test.name, [VERDICTS[test.status] ?? 'not run', String(test.message ?? '')])
  globalThis.add_test_state_callback((test) => {
    if (!known.has(test.name)) known.set(test.name, ['never ends', ''])
  })
  globalThis.add_result_callback(note)
  globalThis.add_completion_callback((tests, status) => {
    tests.forEach(note)
    finish(status.status === 0 ? null : `harness: ${status.message ?? status.status}`)
  })
  setTimeout(() => finish('harness: never ends'), VIRTUAL_MS)
}

function begin({ harness, path, title, search, scripts, files }, known, finish) {
  const define = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  const page = `http://web-platform.test/${path}`
  define('GLOBAL', { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false })
  define('location', Object.freeze({ href: page, pathname: `/${path}`, search, origin: 'http://web-platform.test' }))
  define('META_TITLE', title)
  define('FileReader', FileReader)
  define('Request', withBase(Request, page))
  if (Object.keys(files).length > 0) define('fetch', localFetch(files, path.split('/').slice(0, -1).join('/')))
  evaluate(harness)
  watch(known, finish)
  evaluate(scripts)
}

export default {
  async fetch(request) {
    const { promise, resolve } = Promise.withResolvers()
    const known = new Map()
    try {
      begin(JSON.parse(await request.text()), known, resolve)
    } catch (error) {
      resolve(`harness: ${error}`)
    }
    const harness = await promise
    return Response.json({ harness, tests: [...known].map(([name, [status, message]]) => [name, status, message]) })
  },
}
