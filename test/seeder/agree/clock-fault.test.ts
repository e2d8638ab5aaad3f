import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clockFault } from '#seeder/agree/clock-fault.ts'
import { groupOfSize } from '#test/protocol/agreement/cluster.ts'

const cases: readonly [string, number, readonly number[], string | undefined][] = [
  ['nobody has said the time', 4, [], undefined],
  ['all are near', 4, [1_900, -1_900, 3], undefined],
  ['two of three are ahead', 4, [2_100, 2_500, 0], 'clock: 3 s behind 2 members'],
  ['all are two hours behind', 4, [-7_200_000, -7_200_100, -7_199_900], 'clock: 7200 s ahead of 3 members'],
  ['one alone is off: it may lie', 4, [7_200_000, 0, 0], undefined],
  ['one that said it, of one', 4, [7_200_000], undefined],
  ['they are off in both directions', 4, [7_200_000, -7_200_000, 0], undefined],
  ['two of six: fewer than may lie and one more', 7, [9_000, 9_000, 0, 0, 0, 0], undefined],
  ['four of six', 7, [9_000, 9_000, 9_000, 9_000, 0, 0], 'clock: 9 s behind 4 members'],
]

for (const [what, members, aheadMs, expected] of cases)
  test(`R2 the own clock, when ${what}: ${expected ?? 'no complaint'}`, () => {
    assert.equal(clockFault(aheadMs, groupOfSize(members)), expected)
  })
