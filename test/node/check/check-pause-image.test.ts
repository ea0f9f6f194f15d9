import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPauseImage } from '../../../src/node/check/check-pause-image.ts'

const check = (settings: Parameters<typeof checkPauseImage>[0], image: string | undefined, isAgent = false) =>
  checkPauseImage(settings, { path: '/config.toml', image, isAgent }).map(({ message }) => message)

test('accepts the pause image that the settings give', () => {
  const registry = { systemDefaultRegistry: 'r.example.com/m' }
  assert.deepEqual(check({}, 'rancher/mirrored-pause:3.6'), [])
  assert.deepEqual(check(registry, 'r.example.com/m/rancher/mirrored-pause:3.6'), [])
  assert.deepEqual(check({ pauseImage: 'acme/pause:1' }, 'acme/pause:1'), [])
  assert.deepEqual(check({ ...registry, pauseImage: 'acme/pause:1' }, 'r.example.com/m/acme/pause:1'), [])
  assert.deepEqual(check({ pauseImage: '' }, undefined), [])
  // The registry is a setting of the server.
  assert.deepEqual(check({ pauseImage: 'acme/pause:1' }, 'r.example.com/acme/pause:1', true), [])
})

test('reports a pause image of earlier settings', () => {
  const registry = { systemDefaultRegistry: 'r.example.com' }
  assert.deepEqual(check(registry, 'rancher/mirrored-pause:3.6'), [
    'the pause image is "rancher/mirrored-pause:3.6", and K3s would write one of "r.example.com"',
  ])
  assert.deepEqual(check({ pauseImage: 'acme/pause:2' }, 'acme/pause:1'), [
    'the pause image is "acme/pause:1", and K3s would write "acme/pause:2"',
  ])
  assert.deepEqual(check({ pauseImage: 'acme/pause:2' }, undefined), ['there is no pause image, and K3s would write "acme/pause:2"'])
  assert.deepEqual(check({ pauseImage: '' }, 'acme/pause:1'), ['the pause image is "acme/pause:1", and K3s would write none'])
})
