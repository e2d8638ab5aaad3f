// §6.1 A visitor stays on while members come and go: once the page's host is known to be gone, its links and forms lead through the gateway, which
// knows the present one. Until then nothing is touched.
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
  readonly withForms: boolean
  readonly onChange: (isGone: boolean) => void
}

export function keepOn({ probe, base, withForms, onChange }: Continuity): void {
  let isGone = false
  let isAsking = false
  let askedAt = Number.NEGATIVE_INFINITY

  const answers = (): Promise<boolean> =>
    fetch(probe, {
      method: 'HEAD',
      cache: 'no-store',
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_MS),
    }).then(
      ({ ok }) => ok,
      () => false,
    )

  async function look(): Promise<void> {
    if (isAsking || !navigator.onLine || performance.now() - askedAt < (isGone ? GONE_MS : LIVES_MS)) return
    isAsking = true
    let lives = await answers()
    if (!lives && !isGone) {
      await new Promise((done) => setTimeout(done, AGAIN_MS))
      lives = await answers()
    }
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
    return origin !== location.origin || isHere ? undefined : base + pathname + search + hash
  }

  /** For the default action that follows now. */
  function lead(element: Element, attribute: string, address: string): void {
    const to = elsewhere(address)
    if (to === undefined) return
    const before = element.getAttribute(attribute)
    element.setAttribute(attribute, to)
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

  const ask = (): void => void look()
  for (const type of ['pointerover', 'pointerdown', 'focusin', 'online']) addEventListener(type, ask, { passive: true })
  addEventListener('pageshow', ({ persisted }) => persisted && ask())
  addEventListener('visibilitychange', () => document.hidden || ask())
  addEventListener('error', ({ target }) => target === window || ask(), true)
  addEventListener('click', onClick)
  addEventListener('auxclick', onClick)
  if (withForms) addEventListener('submit', onSubmit)
}
