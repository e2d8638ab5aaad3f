// Two texts side by side in time: what went, what came, a little of what stayed.

import { diffLines, diffWordsWithSpace } from 'diff'

const CONTEXT_LINES = 3
/** Beyond this two texts are shown as "everything changed": comparing costs their product. */
const COMPARED_LINES_MAX = 4000

const lineCount = (text: string) => text.split('\n').length
const linesOf = (text: string) => text.replace(/\n$/, '').split('\n')

function Words(props: { from: string; to: string; side: 'del' | 'ins' }) {
  return (
    <>
      {diffWordsWithSpace(props.from, props.to)
        .filter((part) => (props.side === 'del' ? !part.added : !part.removed))
        .map((part) => (part.added || part.removed ? <mark>{part.value}</mark> : part.value))}
    </>
  )
}

export function Comparison(props: { from: string; to: string }) {
  if (props.from === props.to) return <p>The two texts are the same.</p>
  const large = lineCount(props.from) + lineCount(props.to) > COMPARED_LINES_MAX
  const parts = large
    ? [
        { value: props.from, removed: true, added: false },
        { value: props.to, removed: false, added: true },
      ]
    : diffLines(props.from, props.to)
  return (
    <section class="diff" aria-label="Changes, line by line">
      {parts.map((part, index) => {
        const before = parts[index - 1]
        const after = parts[index + 1]
        if (part.removed) {
          const pair = after?.added && !large && lineCount(part.value) < 40 ? after.value : undefined
          return (
            <del>
              <span class="sign">−</span>
              <span>{pair === undefined ? part.value : <Words from={part.value} to={pair} side="del" />}</span>
            </del>
          )
        }
        if (part.added) {
          const pair = before?.removed && !large && lineCount(part.value) < 40 ? before.value : undefined
          return (
            <ins>
              <span class="sign">+</span>
              <span>{pair === undefined ? part.value : <Words from={pair} to={part.value} side="ins" />}</span>
            </ins>
          )
        }
        const lines = linesOf(part.value)
        const head = before === undefined ? [] : lines.slice(0, CONTEXT_LINES)
        const tail = after === undefined ? [] : lines.slice(Math.max(head.length, lines.length - CONTEXT_LINES))
        const left = lines.length - head.length - tail.length
        return (
          <div class="same">
            {head.map((line) => `${line}\n`)}
            {left > 0 ? <i>{`${left} unchanged ${left === 1 ? 'line' : 'lines'}\n`}</i> : ''}
            {tail.map((line) => `${line}\n`)}
          </div>
        )
      })}
    </section>
  )
}
