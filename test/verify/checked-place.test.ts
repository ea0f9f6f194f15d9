import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MirrorError } from '../../src/errors.ts'
import { refusingPlace, type ReadablePlace } from '../../src/oci/image-destination.ts'
import { CheckedPlace } from '../../src/verify/checked-place.ts'
import { tinyImage } from '../layout/tiny-image.ts'

const reference = { registry: 'r.example', path: 'a/b', tag: '1' }
const { descriptor } = tinyImage().root
const timeout = new MirrorError('TIMEOUT', 'no answer')

/** Answers each look-up with the next of these: an error is thrown. */
function placeOf(answers: readonly (typeof descriptor | MirrorError | undefined)[]): ReadablePlace {
  let asked = 0
  return {
    ...refusingPlace(timeout),
    async headManifest() {
      const answer = answers[asked++]
      if (answer instanceof MirrorError) throw answer
      return answer
    },
  }
}

test('a place that never answered is not asked again', async () => {
  const place = new CheckedPlace(placeOf([timeout, descriptor]))
  await assert.rejects(place.head(reference), timeout)
  await assert.rejects(place.head(reference), timeout)
})

test('one that has answered, be it that it has nothing, is asked again after a time-out', async () => {
  for (const first of [descriptor, undefined]) {
    const place = new CheckedPlace(placeOf([first, timeout, descriptor]))
    await place.head(reference).catch(() => undefined)
    await assert.rejects(place.head(reference), timeout)
    assert.equal(await place.head(reference), descriptor)
  }
})
