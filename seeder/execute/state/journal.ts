// How a change is taken back: every change leaves the closure that undoes it, newest last.
//
// Invariant: running the closures from the end down to a position restores exactly what was there at that position.
// A chunk leaves one copy per mark, however often it is written after it.

import { assert } from '#protocol/codec/result.ts'
import type { StateMark } from '#seeder/execute/state/port.ts'

type Mark = StateMark & { readonly position: number; readonly generation: number }

export class Journal {
  #undo: (() => void)[] = []
  #marks: Mark[] = []
  #generation = 0
  #era = 0

  /** Rises with every mark, roll-back and commit: what was noted in an earlier era needs noting again. */
  get era(): number {
    return this.#era
  }

  /** Commits so far. */
  get generation(): number {
    return this.#generation
  }

  note(undo: () => void): void {
    this.#undo.push(undo)
  }

  mark(): StateMark {
    this.#era++
    const last = this.#marks.at(-1)
    if (last !== undefined && last.position === this.#undo.length) return last
    const mark: Mark = { brand: 'StateMark', position: this.#undo.length, generation: this.#generation }
    this.#marks.push(mark)
    return mark
  }

  rollback(mark: StateMark): void {
    const { position } = this.#known(mark)
    this.#era++
    for (let undo = this.#undo.length; undo > position; undo--) this.#undo.pop()?.()
    while (this.#marks.at(-1) !== mark) this.#marks.pop()
  }

  changedSince(mark: StateMark | undefined): boolean {
    return this.#undo.length > (mark === undefined ? 0 : this.#known(mark).position)
  }

  /** Changes can no longer be taken back; marks from before are void. */
  clear(): void {
    this.#era++
    this.#generation++
    this.#undo = []
    this.#marks = []
  }

  #known(mark: StateMark): Mark {
    assert(this.#marks.includes(mark as Mark), 'a mark is of this tree, since its last commit, and was not dropped')
    return mark as Mark
  }
}
