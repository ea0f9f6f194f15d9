import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatReference, parseReference } from '../../src/oci/reference.ts'
import { parseImageList } from '../../src/release/image-list.ts'
import { isSystemImage, nameBeforeMove } from '../../src/release/system-images.ts'
import { fixture } from './file-server.ts'

test('recognises every image of the lists since v1.19, before and after the move to ghcr.io', async () => {
  for (const release of ['v1.19.1', 'v1.22.2', 'v1.30.8', 'v1.36.3', 'v1.37.1', 'v1.40.0']) {
    const name = `k3s-images.${release}+k3s1.txt`
    const { images } = parseImageList((await fixture(name)).toString(), name)
    assert.deepEqual(
      images.filter((image) => !isSystemImage(image)),
      [],
      name,
    )
  }
})

test('recognises no other image of the same publisher, and no image of the same name of another', () => {
  const others = [
    'rancher/k3s:v1.37.1-k3s1',
    'rancher/k3s-upgrade:v1.37.1-k3s1',
    'rancher/kubectl:v1.30.3',
    'rancher/system-upgrade-controller:v0.14.0',
    'rancher/pause/pause:1',
    'acme/mirrored-pause:3.6',
    'quay.io/rancher/mirrored-pause:3.6',
    'ghcr.io/rancher/klipper-lb:v0.4.17',
    'docker.io/k3s-io/klipper-lb:v0.4.17',
  ]
  assert.deepEqual(
    others.map(parseReference).filter((image) => isSystemImage(image)),
    [],
  )
})

test('recognises the images in the lists of Rancher Prime, and all images of RKE2 but those for upgrades', () => {
  assert.ok(isSystemImage(parseReference('registry.rancher.com/rancher/mirrored-pause:3.6')))
  const images = [
    'rancher/rke2-runtime:v1.36.3-rke2r1',
    'rancher/hardened-coredns:v1.12',
    'rancher/rke2-upgrade:v1.36.3-rke2r1',
    'acme/x:1',
  ]
  assert.deepEqual(
    images.map((name) => isSystemImage(parseReference(name), 'rke2')),
    [true, true, false, false],
  )
})

test('names an image of ghcr.io/k3s-io as it was named at Docker Hub', () => {
  const before = (name: string): string | undefined => {
    const found = nameBeforeMove(parseReference(name))
    return found && formatReference(found)
  }
  assert.equal(before('ghcr.io/k3s-io/mirrored-pause:3.10.2'), 'docker.io/rancher/mirrored-pause:3.10.2')
  assert.equal(before('ghcr.io/k3s/mirrored-pause:3.10.2'), undefined)
  assert.equal(before('docker.io/rancher/mirrored-pause:3.10.2'), undefined)
})
