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

export default {
  async fetch(request) {
    const { harness, path, title, search, scripts, files } = await request.json()
    const { fetch: outside } = globalThis
    const define = (name, value) =>
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
    define('GLOBAL', { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false })
    define(
      'location',
      Object.freeze({
        href: `http://web-platform.test/${path}`,
        pathname: `/${path}`,
        search,
        origin: 'http://web-platform.test',
      }),
    )
    define('META_TITLE', title)
    if (Object.keys(files).length > 0) define('fetch', localFetch(files, path.split('/').slice(0, -1).join('/')))
    else define('fetch', outside)
    evaluate(harness)
    const known = new Map()
    const note = (test) => known.set(test.name, [VERDICTS[test.status] ?? 'not run', String(test.message ?? '')])
    globalThis.add_test_state_callback((test) => {
      if (!known.has(test.name)) known.set(test.name, ['never ends', ''])
    })
    globalThis.add_result_callback(note)
    const ended = new Promise((resolve) => {
      globalThis.add_completion_callback((tests, status) => {
        tests.forEach(note)
        resolve(status.status === 0 ? null : `harness: ${status.message ?? status.status}`)
      })
    })
    const stuck = new Promise((resolve) => setTimeout(() => resolve('harness: never ends'), VIRTUAL_MS))
    let broken = null
    try {
      evaluate(scripts)
    } catch (error) {
      broken = `harness: ${error}`
    }
    const verdict = broken ?? (await Promise.race([ended, stuck]))
    return Response.json({
      harness: verdict,
      tests: [...known].map(([name, [status, message]]) => [name, status, message]),
    })
  },
}
