import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cut } from '#seeder/network/cut.ts'

test('a connection that can take leave of nobody any more is cut all the same, and nothing is thrown', () => {
  const muxer = { isOpen: true }
  let isOpen = true
  // As libp2p's: the muxer first, which throws once, then what is below it.
  const connection = {
    abort(): void {
      if (muxer.isOpen) {
        muxer.isOpen = false
        throw new Error('Cannot write to a stream that is closed')
      }
      isOpen = false
    },
  }
  cut(connection, 'no streams')
  assert.equal(isOpen, false)
})
