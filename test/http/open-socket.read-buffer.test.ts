import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readBuffer } from '../../src/http/open-socket.ts'

test('a plain connection has one buffer', () => {
  const buffer = readBuffer(false, () => true)
  assert.ok(Buffer.isBuffer(buffer))
  assert.equal(buffer.length, 128 * 1024)
})

test('an encrypted connection has as many as are held, and one', () => {
  const held = new Set<ArrayBufferLike>()
  const next = readBuffer(true, (memory) => held.has(memory))
  assert.ok(typeof next === 'function')
  const first = next()
  assert.equal(next(), first)
  held.add(first.buffer)
  const second = next()
  assert.notEqual(second.buffer, first.buffer)
  held.add(second.buffer)
  const third = next()
  assert.equal(new Set([first, second, third]).size, 3)
  held.delete(first.buffer)
  assert.equal(next(), first)
})
