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

const kept = async (options: ImageFilterOptions): Promise<readonly string[]> =>
  (await imageFilter(options)(images)).images.map((image) => formatReference(image))
const pauses = ['docker.io/rancher/mirrored-pause:3.10.2', 'ghcr.io/k3s-io/mirrored-pause:3.10.2']

test('without globs everything stays', async () => {
  assert.equal((await kept({})).length, images.length)
  assert.equal((await kept({ include: [], exclude: [] })).length, images.length)
})

test('globs see registry/repository:tag, and * stands for slashes too', async () => {
  for (const glob of ['*pause*', '**/mirrored-pause:*', '*/mirrored-pause:3.10.?', '*:3.10.2', '{docker.io,ghcr.io}/*/mirrored-pause:*']) {
    assert.deepEqual(await kept({ include: [glob] }), pauses, glob)
  }
  assert.deepEqual(await kept({ include: ['ghcr.io/*'] }), [pauses[1]])
  assert.deepEqual(await kept({ include: ['docker.io/rancher/mirrored-pause:3.10.2'] }), [pauses[0]])
  assert.deepEqual(await kept({ include: [`quay.io/*@sha256:*`] }), [`quay.io/x/y@${digest}`])
  assert.deepEqual(await kept({ include: ['pause'] }), [])
})

test('several includes add up, and exclude wins', async () => {
  assert.deepEqual(await kept({ include: ['ghcr.io/*', '*klipper*'] }), ['docker.io/rancher/klipper-lb:v0.4.17', pauses[1]])
  assert.deepEqual(await kept({ include: ['*pause*'], exclude: ['docker.io/*'] }), [pauses[1]])
  assert.deepEqual(await kept({ include: [pauses[0] ?? ''], exclude: [pauses[0] ?? ''] }), [])
})

test('reports a glob that matches nothing', async () => {
  const { warnings } = await imageFilter({ include: ['*pause*', 'rancher/*'], exclude: ['*windows*', '*klipper*'] })(images)
  assert.deepEqual(warnings, ['options.include "rancher/*" matches no image', 'options.exclude "*windows*" matches no image'])
})

test('refuses a glob that is empty or too long', () => {
  assert.throws(() => imageFilter({ include: [''] }), { code: 'USAGE', message: 'options.include "" is not a glob: it is empty' })
  assert.throws(() => imageFilter({ exclude: ['a'.repeat(70_000)] }), {
    code: 'USAGE',
    message: /^options\.exclude "a{200}" is not a glob: it is longer than 4096 characters$/,
  })
})

test('the signal ends the matching of many images', async () => {
  const abort = new AbortController()
  setImmediate(() => abort.abort(new Error('stopped')))
  const many = Array.from({ length: 500_000 }, () => images[0] as (typeof images)[number])
  await assert.rejects(imageFilter({ include: ['*x*y*z*'] })(many, abort.signal), { message: 'stopped' })
})
