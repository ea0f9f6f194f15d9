import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DeletionGate } from '../../src/layout/deletion-gate.ts'

test('additions run together, and a deletion only by itself, in any order of arrival', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ isDeletion: fc.boolean(), ticks: fc.nat(4), fails: fc.boolean() }), { maxLength: 12 }),
      async (works) => {
        const gate = new DeletionGate()
        let additions = 0
        let deletions = 0
        const results = await Promise.allSettled(
          works.map(({ isDeletion, ticks, fails }) => {
            const work = async (): Promise<void> => {
              if (isDeletion) deletions++
              else additions++
              for (let tick = 0; tick <= ticks; tick++) {
                assert.ok(deletions === 0 || (deletions === 1 && additions === 0))
                await Promise.resolve()
              }
              if (isDeletion) deletions--
              else additions--
              if (fails) throw new Error('planned')
            }
            return isDeletion ? gate.deleting(work) : gate.adding(work)
          }),
        )
        for (const [at, result] of results.entries()) {
          assert.equal(result.status, works[at]?.fails === true ? 'rejected' : 'fulfilled')
          if (result.status === 'rejected') assert.equal((result.reason as Error).message, 'planned')
        }
      },
    ),
  )
})
