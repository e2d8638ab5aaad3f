// The disk changed or lost what a site's answer needs. It comes back from the other members: until then 503, which is no fault of ours.

export class StateDamaged extends Error {
  constructor(path: string, code: string) {
    super(`the state is damaged at ${path}: ${code}`)
    this.name = 'StateDamaged'
  }
}
