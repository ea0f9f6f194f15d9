import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InTurn } from '../../src/layout/in-turn.ts'

test('work on one name runs in order, after failures too, and work on another does not wait for it', async () => {
  const turns = new InTurn()
  const seen: string[] = []
  let open: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const step = (name: string, at: number, wait?: Promise<void>): Promise<number> =>
    turns.run(name, async () => {
      seen.push(`+${name}${at}`)
      await wait
      seen.push(`-${name}${at}`)
      if (at === 2) throw new Error('broken')
      return at
    })
  const first = step('a', 1, gate)
  const second = step('a', 2)
  const third = step('a', 3)
  assert.equal(await step('b', 1), 1)
  open()
  assert.equal(await first, 1)
  await assert.rejects(second, /broken/)
  assert.equal(await third, 3)
  assert.equal(await step('a', 4), 4)
  assert.deepEqual(seen, ['+a1', '+b1', '-b1', '-a1', '+a2', '-a2', '+a3', '-a3', '+a4', '-a4'])
})
