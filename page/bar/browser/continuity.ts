// §6.1 A visitor stays on while members come and go: once the page's host is known to be gone, its links and forms lead through the gateway, which
// knows the present one. Until then nothing is touched.
//
// A gateway may hold a host that has just gone for living yet: then it is asked who else there is, and the way leads there.
//
// Asked is only while somebody is about to do something (comes back to the tab, reaches for a link, sees an image fail), and seldom. What a
// page's own script answers for itself (`preventDefault`) stays its own. A form that writes goes on only with its key, so that it runs once.

/** A host that answered is not asked again for so long; one that is gone, for less. Times in ms. */
const LIVES_MS = 5_000
const GONE_MS = 3_000
const ANSWER_MS = 5_000
const AGAIN_MS = 700

export type Continuity = {
  /** An address of this host that answers while it hosts the site. */
  readonly probe: string
  /** The site's address at the gateway, without a slash at its end. */
  readonly base: string
  /** Where the gateway says who the site's members are; undefined: the page may not ask. */
  readonly lookup: string | undefined
  readonly withForms: boolean
  readonly onChange: (isGone: boolean) => void
}

/** Of `/lookup/name/<name>`. */
type Present = { readonly members: readonly { readonly state: string; readonly origin: string | null }[] }

export function keepOn({ probe, base, lookup, withForms, onChange }: Continuity): void {
  let isGone = false
  let to = base
  let isAsking = false
  let askedAt = -LIVES_MS

  const ask = (address: string, options: RequestInit): Promise<Response | undefined> =>
    fetch(address, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS), ...options }).catch(() => undefined)
  const answers = async (): Promise<boolean> => (await ask(probe, { method: 'HEAD', redirect: 'manual' }))?.ok === true

  /** Another member, where the gateway would still lead to this one; rejects when it says no such thing. */
  async function present(): Promise<string> {
    if (lookup === undefined) return base
    const said: Partial<Present> | undefined = await (await ask(lookup, {}))?.json()
    const living = said?.members?.map(({ state, origin }) => state === 'living' && origin)
    // Of the web: what a gateway says is no script of the page.
    const other = living?.find((origin) => origin && /^http/.test(origin) && origin !== location.origin)
    return (living?.includes(location.origin) && other) || base
  }

  async function look(): Promise<void> {
    if (isAsking || !navigator.onLine || performance.now() - askedAt < (isGone ? GONE_MS : LIVES_MS)) return
    isAsking = true
    let lives = await answers()
    if (!lives && !isGone) {
      await new Promise((done) => setTimeout(done, AGAIN_MS))
      lives = await answers()
    }
    if (!lives) to = await present().catch(() => base)
    isAsking = false
    askedAt = performance.now()
    if (lives !== isGone || !navigator.onLine) return
    isGone = !lives
    onChange(isGone)
  }

  /** Where it is found through the gateway; undefined: it is none of this site's, or a place on this very page. */
  function elsewhere(address: string): string | undefined {
    const { origin, pathname, search, hash } = new URL(address, document.baseURI)
    const isHere = hash !== '' && pathname === location.pathname && search === location.search
    return origin !== location.origin || isHere ? undefined : to + pathname + search + hash
  }

  /** For the default action that follows now. */
  function lead(element: Element, attribute: string, address: string): void {
    const led = elsewhere(address)
    if (led === undefined) return
    const before = element.getAttribute(attribute)
    element.setAttribute(attribute, led)
    setTimeout(() => {
      if (before === null) element.removeAttribute(attribute)
      else element.setAttribute(attribute, before)
    })
  }

  function onClick(event: Event): void {
    if (!isGone || event.defaultPrevented) return
    const link = event
      .composedPath()
      .find((each) => each instanceof HTMLAnchorElement || each instanceof HTMLAreaElement)
    if (link?.hasAttribute('href') === true) lead(link, 'href', link.href)
  }

  function onSubmit(event: SubmitEvent): void {
    const { target: form, submitter } = event
    if (!isGone || event.defaultPrevented || !(form instanceof HTMLFormElement)) return
    const by = (name: string): string | null => submitter?.getAttribute(`form${name}`) ?? form.getAttribute(name)
    const method = by('method')?.toLowerCase() ?? 'get'
    if (method === 'dialog' || (method === 'post' && !new FormData(form).has('interpeer-key'))) return
    const own = submitter?.hasAttribute('formaction') === true ? submitter : form
    lead(own, own === form ? 'action' : 'formaction', by('action') || location.href)
  }

  const reach = (): void => void look()
  for (const type of ['pointerover', 'pointerdown', 'focusin', 'online'])
    addEventListener(type, reach, { passive: true })
  addEventListener('pageshow', ({ persisted }) => persisted && reach())
  addEventListener('visibilitychange', () => document.hidden || reach())
  addEventListener('error', ({ target }) => target === window || reach(), true)
  for (const type of ['click', 'auxclick']) addEventListener(type, onClick)
  if (withForms) addEventListener('submit', onSubmit)
}
