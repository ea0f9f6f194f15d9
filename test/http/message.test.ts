import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ResponseHeaders } from '../../src/http/message.ts'

test('headers are read by name, as text, as a list or as an integer', () => {
  const headers = new ResponseHeaders(
    new Map([
      ['link', ['a', 'b']],
      ['content-length', ['00017']],
      ['x-negative', ['-1']],
      ['x-long', ['12345678901234567']],
      ['x-empty', ['']],
    ]),
  )
  assert.deepEqual(headers.all('link'), ['a', 'b'])
  assert.equal(headers.get('link'), 'a')
  assert.deepEqual(headers.all('none'), [])
  assert.equal(headers.get('none'), undefined)
  assert.equal(headers.integer('content-length'), 17)
  for (const name of ['x-negative', 'x-long', 'x-empty', 'none', 'link']) assert.equal(headers.integer(name), undefined, name)
})
