import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlobLedger } from '../../src/copy/copy-blob.ts'

const [first, second] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`] as const
const [here, there] = ['a/b', 'c/d'].map((path) => ({ registry: 'r.example', path })) as [
  { registry: string; path: string },
  { registry: string; path: string },
]

test('knows an added blob and the repository to mount it from', () => {
  const ledger = new BlobLedger()
  assert.equal(ledger.holder(first), undefined)
  ledger.add(first, here)
  assert.deepEqual([ledger.has(first, here), ledger.has(first, there), ledger.has(second, here)], [true, false, false])
  assert.deepEqual(ledger.holder(first), here)
  ledger.forget(first)
  assert.deepEqual([ledger.has(first, here), ledger.holder(first)], [false, undefined])
  ledger.forget(second)
})

test('runs one piece of work per blob at a time, different blobs in parallel, and continues after a failure', async () => {
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
