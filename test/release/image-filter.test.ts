import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatReference, parseReference } from '../../src/oci/reference.ts'
import { imageFilter, type ImageFilterOptions } from '../../src/release/image-filter.ts'

const digest = `sha256:${'a'.repeat(64)}`
const images = [
  'docker.io/rancher/klipper-lb:v0.4.17',
  'docker.io/rancher/mirrored-pause:3.10.2',
  'docker.io/rancher/mirrored-library-traefik:3.7.13',
  'ghcr.io/k3s-io/mirrored-pause:3.10.2',
  `quay.io/x/y@${digest}`,
].map(parseReference)

const kept = (options: ImageFilterOptions): readonly string[] => imageFilter(options)(images).images.map((image) => formatReference(image))
const pauses = ['docker.io/rancher/mirrored-pause:3.10.2', 'ghcr.io/k3s-io/mirrored-pause:3.10.2']

test('without globs everything stays', () => {
  assert.equal(kept({}).length, images.length)
  assert.equal(kept({ include: [], exclude: [] }).length, images.length)
})

test('globs see registry/repository:tag, and * stands for slashes too', () => {
  for (const glob of ['*pause*', '**/mirrored-pause:*', '*/mirrored-pause:3.10.?', '*:3.10.2', '{docker.io,ghcr.io}/*/mirrored-pause:*']) {
    assert.deepEqual(kept({ include: [glob] }), pauses, glob)
  }
  assert.deepEqual(kept({ include: ['ghcr.io/*'] }), [pauses[1]])
  assert.deepEqual(kept({ include: ['docker.io/rancher/mirrored-pause:3.10.2'] }), [pauses[0]])
  assert.deepEqual(kept({ include: [`quay.io/*@sha256:*`] }), [`quay.io/x/y@${digest}`])
  assert.deepEqual(kept({ include: ['pause'] }), [])
})

test('several includes add up, and exclude wins', () => {
  assert.deepEqual(kept({ include: ['ghcr.io/*', '*klipper*'] }), ['docker.io/rancher/klipper-lb:v0.4.17', pauses[1]])
  assert.deepEqual(kept({ include: ['*pause*'], exclude: ['docker.io/*'] }), [pauses[1]])
  assert.deepEqual(kept({ include: [pauses[0] ?? ''], exclude: [pauses[0] ?? ''] }), [])
})

test('a glob that matches nothing is told of', () => {
  const { warnings } = imageFilter({ include: ['*pause*', 'rancher/*'], exclude: ['*windows*', '*klipper*'] })(images)
  assert.deepEqual(warnings, ['--include "rancher/*" matches no image', '--exclude "*windows*" matches no image'])
})

test('an empty or endless glob is refused', () => {
  assert.throws(() => imageFilter({ include: [''] }), { code: 'USAGE', message: '--include "" is not a glob' })
  assert.throws(() => imageFilter({ exclude: ['a'.repeat(70_000)] }), { code: 'USAGE', message: /^--exclude "a{200}" is not a glob$/ })
})
