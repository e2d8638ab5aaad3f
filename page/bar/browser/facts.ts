// What whoever served the page says about it, on the script's own element (`page/bar/element.ts`).

export type Facts = {
  readonly site: string
  /** Origin of a gateway; undefined: the network has none. */
  readonly gateway: string | undefined
  /** Signers of the group, when the gateway checked: how many at least, and of how many. */
  readonly quorum: string | undefined
  readonly members: string | undefined
  /** Seconds since it was checked, of a copy. */
  readonly age: string | undefined
  /** What the page's policy lets go on elsewhere once its host is gone: of `links`, `forms` and `ask` (the gateway, for members). */
  readonly goesOn: string
}

export function factsOf({ dataset }: HTMLScriptElement): Facts {
  const { site = '', gateway, quorum, members, age, goesOn = '' } = dataset
  return { site, gateway, quorum, members, age, goesOn }
}
