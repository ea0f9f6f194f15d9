import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteWindow } from '../../src/fan-out/byte-window.ts'

test('gives the bytes from any offset that it holds, and keeps those of a reader that falls behind', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(400_000), { minLength: 1, maxLength: 8 }), fc.double({ min: 0, max: 1, noNaN: true }), (sizes, part) => {
      const all = Buffer.alloc(
        sizes.reduce((sum, size) => sum + size, 0),
        'k3s-mirror of releases, ',
      )
      const window = new ByteWindow()
      let at = 0
      let kept: readonly Uint8Array[] = []
      let from = 0
      for (const size of sizes) {
        window.push(all.subarray(at, (at += size)))
        if (at < all.length / 2) continue
        if (kept.length === 0) {
          from = window.start + Math.floor(part * (window.end - window.start))
          kept = window.keep(from)
          assert.deepEqual(Buffer.concat(kept), all.subarray(from, at))
        }
        window.trim(at)
      }
      assert.deepEqual(Buffer.concat(kept), all.subarray(from, from + Buffer.concat(kept).length))
      assert.equal(window.end, all.length)
      assert.equal(window.at(window.end).length, 0)
      const rest = window.at(window.start)
      assert.deepEqual(Buffer.from(rest), all.subarray(window.start, window.start + rest.length))
    }),
    { numRuns: 30 },
  )
})
