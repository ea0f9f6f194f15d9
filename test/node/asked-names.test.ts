import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { isMirrorError } from '../../src/errors.ts'
import { askedImages, defaultPauseImage, writtenPauseImage, type NamingSettings } from '../../src/node/asked-names.ts'
import { formatReference, parseReference, type Reference } from '../../src/oci/reference.ts'
import { nameDestination } from '../../src/plan/destination-names.ts'
import { isSystemImage } from '../../src/release/system-images.ts'
import { parseVersion } from '../../src/release/version.ts'

async function listOf(file: string): Promise<readonly Reference[]> {
  const text = await readFile(new URL(`../../fixtures/release/${file}`, import.meta.url), 'utf8')
  return text.split('\n').filter(Boolean).map(parseReference)
}

/** The names that a node asks for, in order. */
function names(selected: readonly (Reference | string)[], settings: NamingSettings): readonly string[] {
  const images = selected.map((one) => (typeof one === 'string' ? parseReference(one) : one))
  return askedImages(images, settings).images.map(({ asked }) => formatReference(asked))
}

const lists = ['v1.22.2+k3s1', 'v1.30.8+k3s1', 'v1.36.3+k3s1', 'v1.37.1+k3s1']

test('asks a destination with a prefix for the names that mirror gives to the images of a release', async () => {
  for (const release of lists) {
    const images = await listOf(`k3s-images.${release}.txt`)
    assert.ok(
      images.every((image) => isSystemImage(image)),
      release,
    )
    const asked = names(images, { systemDefaultRegistry: 'r.example.com:5000/a/b', version: parseVersion(release) })
    const mirrored = images.map((image) => formatReference(nameDestination(image, { registry: 'r.example.com:5000', prefix: 'a/b' })))
    assert.deepEqual(asked, mirrored)
  }
})

test('asks for the names of v1.40, whose list has another registry and path', async () => {
  const images = (await listOf('k3s-images.v1.37.1+k3s1.txt')).map((image) => ({
    ...image,
    registry: 'ghcr.io',
    path: image.path.replace('rancher/', 'k3s-io/'),
  }))
  const settings = { systemDefaultRegistry: 'r.example.com/m', version: parseVersion('v1.40.0+k3s1') }
  assert.deepEqual(
    names(images, settings),
    images.map((image) => formatReference(nameDestination(image, { registry: 'r.example.com', prefix: 'm' }))),
  )
})

test('keeps the names of images that K3s does not name itself', () => {
  const others = [
    'docker.io/rancher/k3s:v1.36.3-k3s1',
    'docker.io/rancher/k3s-upgrade:v1.36.3-k3s1',
    'docker.io/rancher/system-upgrade-controller:v0.16.0',
    'docker.io/rancher/kubectl:v1.36.3',
    'docker.io/library/busybox:1.37.0',
    'docker.io/library/traefik:3.7.13',
    'ghcr.io/acme/coredns:1',
    'r.example.com/rancher/sub/mirrored-pause:1',
  ]
  const settings = { systemDefaultRegistry: 'r.example.com', pauseImage: 'r.example.com/pause:1' }
  assert.deepEqual(names(others, settings), [...others, 'r.example.com/pause:1'])
})

test('keeps tags and digests', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  assert.deepEqual(names([`rancher/mirrored-pause:3.6@${digest}`], { systemDefaultRegistry: 'r.example.com' }), [
    `r.example.com/rancher/mirrored-pause:3.6@${digest}`,
  ])
})

test('does nothing for an empty registry, and warns of a version without the flag', () => {
  assert.deepEqual(askedImages([parseReference('rancher/klipper-lb:v0.4.9')], { systemDefaultRegistry: '' }).warnings, [])
  assert.deepEqual(names(['rancher/klipper-lb:v0.4.9'], { systemDefaultRegistry: '' }), ['docker.io/rancher/klipper-lb:v0.4.9'])
  const old = askedImages([parseReference('rancher/klipper-lb:v0.4.9')], {
    systemDefaultRegistry: 'r.example.com',
    version: parseVersion('v1.21.0+k3s1'),
  })
  assert.deepEqual(old.warnings, ['K3s v1.21.0+k3s1 does not have --system-default-registry: it requires v1.21.1 or later'])
  assert.deepEqual(
    old.images.map(({ asked }) => asked.registry),
    ['docker.io'],
  )
})

test('replaces the pause image of the list, or adds the one that the selection lacks', () => {
  const registry = { systemDefaultRegistry: 'r.example.com' }
  assert.deepEqual(names(['rancher/klipper-lb:v0.4.9'], {}), ['docker.io/rancher/klipper-lb:v0.4.9'])
  assert.deepEqual(names(['rancher/mirrored-pause:3.6'], { pauseImage: 'acme.example/pause:1' }), ['acme.example/pause:1'])
  assert.deepEqual(names([], registry), ['r.example.com/rancher/mirrored-pause:3.10.2'])
  assert.deepEqual(names(['rancher/mirrored-pause:3.6'], registry), ['r.example.com/rancher/mirrored-pause:3.6'])
  assert.deepEqual(names([], { ...registry, pauseImage: 'rancher/mirrored-pause:3.9' }), ['r.example.com/rancher/mirrored-pause:3.9'])
  const [listed] = askedImages([parseReference('rancher/mirrored-pause:3.6')], { pauseImage: 'rancher/mirrored-pause:3.6' }).images
  assert.equal(listed?.isSelected, true)
})

test('warns where the pause image is unknown', () => {
  for (const settings of [
    { systemDefaultRegistry: 'r.example.com', version: parseVersion('v1.40.0+k3s1') },
    { systemDefaultRegistry: 'r.example.com', product: 'rke2' },
    { systemDefaultRegistry: 'r.example.com', pauseImage: '' },
  ] as const) {
    const { images, warnings } = askedImages([], settings)
    assert.deepEqual(images, [])
    assert.match(warnings.join('\n'), /^the pause image is not checked: /)
  }
})

test('knows the default pause image of each version', () => {
  const found = ['v1.21.1+k3s1', 'v1.22.2+k3s1', 'v1.22.6+k3s1', 'v1.35.6+k3s1', 'v1.36.2+k3s1', 'v1.36.3+k3s1', 'v1.37.1+k3s1'].map(
    (text) => defaultPauseImage(parseVersion(text)),
  )
  assert.deepEqual(found, [
    'rancher/pause:3.1',
    'rancher/mirrored-pause:3.1',
    'rancher/mirrored-pause:3.6',
    'rancher/mirrored-pause:3.6',
    'rancher/mirrored-pause:3.6',
    'rancher/mirrored-pause:3.10.2',
    'rancher/mirrored-pause:3.10.2',
  ])
})

test('swaps the registry of a pause image from v1.40 on, and only puts one before it until then', () => {
  const settings = { systemDefaultRegistry: 'r.example.com' }
  const image = 'ghcr.io/k3s-io/mirrored-pause:3.10.2'
  assert.equal(writtenPauseImage(image, settings), `r.example.com/${image}`)
  assert.equal(
    writtenPauseImage(image, { ...settings, version: parseVersion('v1.40.0+k3s1') }),
    'r.example.com/k3s-io/mirrored-pause:3.10.2',
  )
})

test('refuses a registry with which no name is valid', () => {
  for (const systemDefaultRegistry of ['https://r.example.com', 'r.example.com/', 'r.example.com/UPPER']) {
    assert.throws(
      () => names(['rancher/klipper-lb:v0.4.9'], { systemDefaultRegistry }),
      (error) => isMirrorError(error) && error.code === 'INVALID_CONFIG' && /expected host\[:port\]\[\/path\]/.test(error.message),
    )
  }
})

test('refuses a pause image that K3s makes invalid', () => {
  assert.throws(
    () => names([], { systemDefaultRegistry: 'r.example.com/m', pauseImage: 'r.example.com:5000/pause:1' }),
    (error) =>
      isMirrorError(error) &&
      error.code === 'INVALID_CONFIG' &&
      /K3s pulls "r\.example\.com\/m\/r\.example\.com:5000\/pause:1"/.test(error.message),
  )
})
