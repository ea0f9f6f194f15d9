import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ResponseHeaders } from '../../src/http/message.ts'
import { parseRateLimit } from '../../src/registry/rate-limit.ts'

function read(limit: string | undefined, remaining: string | undefined) {
  const entries = [
    ['ratelimit-limit', limit],
    ['ratelimit-remaining', remaining],
  ] as const
  return parseRateLimit(
    new ResponseHeaders(new Map(entries.filter(([, value]) => value !== undefined).map(([name, value]) => [name, [value ?? '']]))),
  )
}

test("parses Docker Hub's quota", () => {
  assert.deepEqual(read('100;w=21600', '76;w=21600'), { limit: 100, remaining: 76, windowSeconds: 21600 })
  assert.deepEqual(read('200', '0'), { limit: 200, remaining: 0, windowSeconds: 0 })
})

test('ignores other values', () => {
  for (const [limit, remaining] of [
    [undefined, undefined],
    ['100;w=21600', undefined],
    [undefined, '3'],
    ['unlimited', '3'],
    ['100;w=x', '3'],
    ['100', '-1'],
    ['1e3', '3'],
    ['9999999999', '3'],
  ] as const) {
    assert.equal(read(limit, remaining), undefined, `${limit} ${remaining}`)
  }
})
