import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentOf } from '../../src/async/content.ts'

test('bytes that are held are content', async () => {
  const chunks: Uint8Array[] = []
  const content = contentOf(Buffer.from('abc'))
  assert.equal(content.size, 3)
  await content.read((chunk) => void chunks.push(chunk))
  assert.equal(Buffer.concat(chunks).toString(), 'abc')
  content.cancel()
})

test('the sink is waited for, and its failure is the failure', async () => {
  let done = false
  await contentOf(Buffer.from('a')).read(async () => {
    await Promise.resolve()
    done = true
  })
  assert.equal(done, true)
  await assert.rejects(
    contentOf(Buffer.from('a')).read(() => {
      throw new Error('no')
    }),
    { message: 'no' },
  )
})

test('empty content gives no chunk', async () => {
  await contentOf(new Uint8Array()).read(() => assert.fail())
})
