// What the bar says, in five languages. `{site}`, `{quorum}`, `{members}` and `{age}` (as `5 minutes ago`) are put in.
//
// Each sentence says who checked what, and no more: a page that a member sends itself is its own word, at the sites domain the gateway has
// held it against signatures, and the visitor's browser has checked nothing.

export type Words = {
  /** Name of the bar's region, for who hears it. */
  readonly about: string
  readonly member: string
  readonly gateway: string
  readonly copy: string
  readonly gone: string
  readonly more: string
  readonly again: string
  readonly close: string
}

export const WORDS: Readonly<Record<string, Words>> = {
  en: {
    about: 'About this page',
    member: 'Not checked by your browser: one of the machines that host {site} sent this page.',
    gateway:
      'Checked by the gateway, not by your browser: at least {quorum} of the {members} machines that host {site} have signed its data.',
    copy: 'No machine that hosts {site} answers just now. This is a copy that the gateway checked {age}.',
    gone: 'The machine that sent this page no longer answers. Links lead on through the gateway.',
    more: 'What this means',
    again: 'Load again',
    close: 'Close',
  },
  de: {
    about: 'Über diese Seite',
    member: 'Nicht von Ihrem Browser geprüft: Einer der Rechner, auf denen {site} liegt, hat diese Seite geschickt.',
    gateway:
      'Vom Gateway geprüft, nicht von Ihrem Browser: Mindestens {quorum} der {members} Rechner, auf denen {site} liegt, haben die Daten unterschrieben.',
    copy: 'Kein Rechner, auf dem {site} liegt, antwortet gerade. Dies ist eine Kopie, die das Gateway {age} geprüft hat.',
    gone: 'Der Rechner, der diese Seite geschickt hat, antwortet nicht mehr. Links führen über das Gateway weiter.',
    more: 'Was das heißt',
    again: 'Neu laden',
    close: 'Schließen',
  },
  es: {
    about: 'Sobre esta página',
    member: 'No comprobada por tu navegador: esta página la ha enviado una de las máquinas que alojan {site}.',
    gateway:
      'Comprobada por la pasarela, no por tu navegador: al menos {quorum} de las {members} máquinas que alojan {site} han firmado sus datos.',
    copy: 'Ninguna máquina que aloja {site} responde en este momento. Esta es una copia que la pasarela comprobó {age}.',
    gone: 'La máquina que envió esta página ya no responde. Los enlaces continúan a través de la pasarela.',
    more: 'Qué significa esto',
    again: 'Volver a cargar',
    close: 'Cerrar',
  },
  fr: {
    about: 'À propos de cette page',
    member: 'Non vérifiée par votre navigateur\u00a0: l’une des machines qui hébergent {site} a envoyé cette page.',
    gateway:
      'Vérifiée par la passerelle, pas par votre navigateur\u00a0: au moins {quorum} des {members} machines qui hébergent {site} ont signé ses données.',
    copy: 'Aucune machine qui héberge {site} ne répond en ce moment. Voici une copie que la passerelle a vérifiée {age}.',
    gone: 'La machine qui a envoyé cette page ne répond plus. Les liens passent désormais par la passerelle.',
    more: 'Ce que cela signifie',
    again: 'Recharger',
    close: 'Fermer',
  },
  zh: {
    about: '关于此页面',
    member: '您的浏览器未核验此页面：它由托管 {site} 的其中一台机器发送。',
    gateway: '网关已核验此页面，您的浏览器未核验：托管 {site} 的 {members} 台机器中，至少有 {quorum} 台签署了其数据。',
    copy: '托管 {site} 的机器目前均无应答。这是网关{age}核验过的副本。',
    gone: '发送此页面的机器已无应答。链接将通过网关继续打开。',
    more: '这意味着什么',
    again: '重新加载',
    close: '关闭',
  },
}

/** The first of the wanted languages that there is, else English. `wanted`: tags of BCP 47, best first. */
export function languageOf(wanted: readonly string[]): string {
  for (const tag of wanted) {
    const language = tag.toLowerCase().split('-')[0] ?? ''
    if (Object.hasOwn(WORDS, language)) return language
  }
  return 'en'
}

export function wordsIn(language: string): Words {
  return WORDS[language] ?? (WORDS.en as Words)
}
