import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlobLedger } from '../../src/copy/copy-blob.ts'

const [first, second] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`] as const
const [here, there] = ['a/b', 'c/d'].map((path) => ({ registry: 'r.example', path })) as [
  { registry: string; path: string },
  { registry: string; path: string },
]

test('what was added is known, and can be mounted from there', () => {
  const ledger = new BlobLedger()
  assert.equal(ledger.holder(first), undefined)
  ledger.add(first, here)
  assert.deepEqual([ledger.has(first, here), ledger.has(first, there), ledger.has(second, here)], [true, false, false])
  assert.deepEqual(ledger.holder(first), here)
  ledger.forget(first)
  assert.deepEqual([ledger.has(first, here), ledger.holder(first)], [false, undefined])
  ledger.forget(second)
})

test('one works on a blob at a time, others on other blobs meanwhile, and a failure lets the next begin', async () => {
  const ledger = new BlobLedger()
  const log: string[] = []
  let finish: () => void = () => undefined
  const blocked = ledger.exclusively(first, async () => {
    log.push('1 begins')
    await new Promise<void>((resolve) => (finish = resolve))
    log.push('1 fails')
    throw new Error('1')
  })
  const waiting = ['2', '3'].map((name) => ledger.exclusively(first, async () => void log.push(name)))
  await ledger.exclusively(second, async () => void log.push('another blob'))
  finish()
  await assert.rejects(blocked, /1/)
  await Promise.all(waiting)
  assert.deepEqual(log, ['1 begins', 'another blob', '1 fails', '2', '3'])
})
