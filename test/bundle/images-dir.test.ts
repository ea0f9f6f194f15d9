import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imagesFiles, refuseUntagged } from '../../src/bundle/images-dir.ts'
import { parseReference } from '../../src/oci/reference.ts'

const platforms = ['linux/amd64', 'linux/arm/v6', 'linux/x86_64', 'linux/arm/v7', 'linux/arm64']

test('names one file for each architecture, with all platforms of it', () => {
  const files = imagesFiles({ file: '/usb/k3s-{arch}.tar.zst', platforms, forImagesDir: true })
  assert.deepEqual(
    files.map(({ file, platforms: own }) => [file, own?.map(({ architecture, variant }) => [architecture, variant].join(''))]),
    [
      ['/usb/k3s-amd64.tar.zst', ['amd64', 'amd64']],
      ['/usb/k3s-arm.tar.zst', ['armv6', 'armv7']],
      ['/usb/k3s-arm64.tar.zst', ['arm64']],
    ],
  )
})

test('names one file for all platforms without a placeholder', () => {
  assert.deepEqual(imagesFiles({ file: 'k3s.tar', platforms, forImagesDir: true }), [{ file: 'k3s.tar', platforms: undefined }])
  assert.deepEqual(imagesFiles({ file: 'k3s.tar', splitSize: 5, since: 'a.tar', lock: 'a.lock' }), [
    { file: 'k3s.tar', platforms: undefined },
  ])
})

test('refuses what K3s would import incompletely or not at all', () => {
  const refused: readonly [Omit<Parameters<typeof imagesFiles>[0], 'file'>, RegExp][] = [
    [{ forImagesDir: true, splitSize: 1 << 20 }, /K3s does not import the parts of a split bundle/],
    [{ forImagesDir: true, since: 'a.tar' }, /without the content that options\.since leaves out/],
    [{ forImagesDir: true, lock: 'a.lock' }, /options\.lock is not supported with options\.forImagesDir/],
  ]
  for (const [options, message] of refused) assert.throws(() => imagesFiles({ file: 'k3s.tar', ...options }), { code: 'USAGE', message })
  const file = 'k3s-{arch}.tar'
  assert.throws(() => imagesFiles({ file, forImagesDir: true }), {
    code: 'USAGE',
    message: /"k3s-\{arch\}\.tar".*requires options\.platforms/,
  })
  assert.throws(() => imagesFiles({ file, platforms }), { code: 'USAGE', message: /requires options\.forImagesDir/ })
})

test('refuses an image without a tag, which K3s cannot pin or tag', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  refuseUntagged(['docker.io/rancher/a:1', `docker.io/rancher/b:1@${digest}`].map(parseReference))
  assert.throws(() => refuseUntagged([parseReference(`docker.io/rancher/a@${digest}`)]), {
    code: 'USAGE',
    message: `K3s cannot import docker.io/rancher/a@${digest}: it has no tag`,
  })
})
