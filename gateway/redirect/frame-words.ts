// What the frame says beside the bar's own words (`page/bar/words.ts`), in the same languages.

export type FrameWords = {
  readonly alone: string
  readonly empty: string
  readonly plain: string
}

const FRAME_WORDS: Readonly<Record<string, FrameWords>> = {
  en: {
    alone: 'Open without the frame',
    empty: 'If nothing is shown below, the site does not let itself be put into a frame.',
    plain:
      'This page came to you encrypted, and {site} can only be reached unencrypted just now. No browser shows such a site in a frame.',
  },
  de: {
    alone: 'Ohne Rahmen öffnen',
    empty: 'Ist darunter nichts zu sehen, lässt sich die Site nicht in einen Rahmen setzen.',
    plain:
      'Diese Seite kam verschlüsselt zu Ihnen, {site} ist gerade nur unverschlüsselt zu erreichen. Kein Browser zeigt eine solche Site in einem Rahmen.',
  },
  es: {
    alone: 'Abrir sin marco',
    empty: 'Si debajo no se ve nada, el sitio no permite que se muestre en un marco.',
    plain:
      'Esta página te llegó cifrada y a {site} solo se puede llegar ahora sin cifrar. Ningún navegador muestra un sitio así en un marco.',
  },
  fr: {
    alone: 'Ouvrir sans le cadre',
    empty: 'Si rien ne s’affiche ci-dessous, le site ne se laisse pas mettre dans un cadre.',
    plain:
      'Cette page vous est parvenue chiffrée, et {site} n’est joignable pour l’instant que sans chiffrement. Aucun navigateur n’affiche un tel site dans un cadre.',
  },
  zh: {
    alone: '不用框架打开',
    empty: '如果下方没有显示内容，说明该网站不允许嵌入框架。',
    plain: '此页面通过加密连接送达，而 {site} 目前只能通过未加密的连接访问。浏览器不会在框架中显示这样的网站。',
  },
}

export function frameWordsIn(language: string): FrameWords {
  return FRAME_WORDS[language] ?? (FRAME_WORDS.en as FrameWords)
}
