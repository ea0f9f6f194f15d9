import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatBytes, formatCount, formatDuration, formatRate } from '../../../src/cli/output/format-amount.ts'

describe('amounts', () => {
  it('are bytes in decimal units', () => {
    assert.deepEqual([0, 999, 12_345, 1_000_000, 1_234_567_890].map(formatBytes), ['0 B', '999 B', '12.3 kB', '1 MB', '1.23 GB'])
  })

  it('are rates', () => {
    assert.deepEqual([0.4, 25_000_000].map(formatRate), ['0 B/s', '25 MB/s'])
  })

  it('are durations', () => {
    assert.deepEqual([0, 40, 1_000, 1_540, 59_999, 65_400, 21_600_000].map(formatDuration), [
      '0ms',
      '40ms',
      '1s',
      '1.5s',
      '59.9s',
      '1m 5s',
      '6h',
    ])
  })

  it('are numbers of things', () => {
    assert.deepEqual(
      [formatCount(1, 'image'), formatCount(0, 'image'), formatCount(2, 'index', 'indexes')],
      ['1 image', '0 images', '2 indexes'],
    )
  })
})
