// What the frame says, who checked what and how to do without it, beside the bar's own words (`page/bar/words.ts`), in the same languages.

export type FrameWords = {
  readonly member: string
  readonly gateway: string
  readonly alone: string
  readonly empty: string
  readonly plain: string
}

export const FRAME_WORDS: Readonly<Record<string, FrameWords>> = {
  en: {
    member: 'Below stands {site}, as one of the machines that host it sends it. Not checked by your browser.',
    gateway:
      'Below stands {site}, checked by the gateway, not by your browser: at least {quorum} of the {members} machines that host it have signed its data.',
    alone: 'Open without the frame',
    empty: 'If nothing is shown below, the site does not let itself be put into a frame.',
    plain:
      'This page came to you encrypted, and {site} can only be reached unencrypted just now. No browser shows such a site in a frame.',
  },
  de: {
    member:
      'Darunter steht {site}, wie einer der Rechner es schickt, auf denen es liegt. Nicht von Ihrem Browser geprüft.',
    gateway:
      'Darunter steht {site}, vom Gateway geprüft, nicht von Ihrem Browser: Mindestens {quorum} der {members} Rechner, auf denen es liegt, haben die Daten unterschrieben.',
    alone: 'Ohne Rahmen öffnen',
    empty: 'Ist darunter nichts zu sehen, lässt sich die Site nicht in einen Rahmen setzen.',
    plain:
      'Diese Seite kam verschlüsselt zu Ihnen, {site} ist gerade nur unverschlüsselt zu erreichen. Kein Browser zeigt eine solche Site in einem Rahmen.',
  },
  es: {
    member: 'Debajo está {site}, tal como lo envía una de las máquinas que lo alojan. No comprobado por tu navegador.',
    gateway:
      'Debajo está {site}, comprobado por la pasarela, no por tu navegador: al menos {quorum} de las {members} máquinas que lo alojan han firmado sus datos.',
    alone: 'Abrir sin marco',
    empty: 'Si debajo no se ve nada, el sitio no permite que se muestre en un marco.',
    plain:
      'Esta página te llegó cifrada y a {site} solo se puede llegar ahora sin cifrar. Ningún navegador muestra un sitio así en un marco.',
  },
  fr: {
    member: 'Ci-dessous {site}, tel que l’envoie l’une des machines qui l’hébergent. Non vérifié par votre navigateur.',
    gateway:
      'Ci-dessous {site}, vérifié par la passerelle, pas par votre navigateur\u00a0: au moins {quorum} des {members} machines qui l’hébergent ont signé ses données.',
    alone: 'Ouvrir sans le cadre',
    empty: 'Si rien ne s’affiche ci-dessous, le site ne se laisse pas mettre dans un cadre.',
    plain:
      'Cette page vous est parvenue chiffrée, et {site} n’est joignable pour l’instant que sans chiffrement. Aucun navigateur n’affiche un tel site dans un cadre.',
  },
  zh: {
    member: '下方是 {site}，由托管它的其中一台机器发送，您的浏览器未核验。',
    gateway:
      '下方是 {site}，网关已核验，您的浏览器未核验：托管它的 {members} 台机器中，至少有 {quorum} 台签署了其数据。',
    alone: '不用框架打开',
    empty: '如果下方没有显示内容，说明该网站不允许嵌入框架。',
    plain: '此页面通过加密连接送达，而 {site} 目前只能通过未加密的连接访问。浏览器不会在框架中显示这样的网站。',
  },
}

export function frameWordsIn(language: string): FrameWords {
  return FRAME_WORDS[language] ?? (FRAME_WORDS.en as FrameWords)
}
