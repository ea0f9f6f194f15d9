import assert from 'node:assert/strict'
import { readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { parse } from 'yaml'
import { createBundle } from '../../src/runs/create-bundle.ts'
import { tinyImage, tinyIndex } from '../layout/tiny-image.ts'
import { sha256Hex } from '../release/file-server.ts'
import { lockedRelease, release } from './locked-release.ts'

const pauseName = 'docker.io/rancher/mirrored-pause:3.6'

test('writes the images of a channel in the order of their names, with the release, its list and everything below the roots', async () => {
  await using at = await lockedRelease()
  const report = await at.lock()
  const text = await readFile(at.file, 'utf8')
  assert.match(text, /^# Lock file of k3s-mirror/)
  const { lists, images } = parse(text) as { lists: unknown; images: readonly { reference: string }[] }
  assert.deepEqual(lists, [{ name: release, release, channel: 'stable', sha256: sha256Hex(at.list), coverage: 'checksum-file', images: 2 }])
  assert.deepEqual(
    images.map(({ reference }) => reference),
    ['docker.io/rancher/klipper-lb:v0.4', pauseName],
  )
  const sizes = [...at.pause.blobs, ...at.pause.manifests].map(({ descriptor }) => descriptor.size)
  assert.deepEqual(images[1], {
    reference: pauseName,
    digest: at.pause.root.descriptor.digest,
    mediaType: at.pause.root.descriptor.mediaType,
    size: sizes.reduce((sum, size) => sum + size),
    platforms: at.pause.manifests.slice(0, 2).map(({ descriptor }, index) => {
      return { platform: ['linux/amd64', 'linux/arm64'][index], digest: descriptor.digest }
    }),
    releases: [release],
  })
  assert.deepEqual(report.images, images)
  assert.deepEqual([report.written, report.changes], [true, null])
})

test('leaves an equal file as it is, and reports what changed in another one', async () => {
  await using at = await lockedRelease()
  await at.lock()
  const before = await stat(at.file)
  const again = await at.lock()
  assert.deepEqual([again.written, again.changes], [false, { added: [], removed: [], changed: [] }])
  assert.equal((await stat(at.file)).ino, before.ino)

  const moved = tinyIndex()
  at.source.hold('rancher/mirrored-pause', '3.6', moved)
  at.source.hold('rancher/new', '1', tinyImage())
  const { written, changes } = await at.lock({ references: ['rancher/new:1'], exclude: ['*klipper*'] })
  assert.deepEqual(
    [written, changes],
    [
      true,
      {
        added: ['docker.io/rancher/new:1'],
        removed: ['docker.io/rancher/klipper-lb:v0.4'],
        changed: [{ reference: pauseName, from: at.pause.root.descriptor.digest, to: moved.root.descriptor.digest }],
      },
    ],
  )
})

test('does not depend on the order of the selection, and names every release of an image', async () => {
  await using at = await lockedRelease()
  const list = `${pauseName}\n`
  at.files['/v1.37.1%2Bk3s1/k3s-images.txt'] = list
  at.files['/v1.37.1%2Bk3s1/sha256sum-amd64.txt'] = `${sha256Hex(list)}  k3s-images.txt\n`
  const given = [release, 'v1.37.1+k3s1']
  const one = await at.lock({ releases: given, platforms: ['linux/arm64', 'linux/amd64'] })
  const other = await at.lock({ releases: given.toReversed(), platforms: ['linux/amd64', 'linux/x86_64', 'linux/arm64'] })
  assert.equal(other.written, false)
  assert.deepEqual(
    one.images.map(({ releases }) => releases),
    [[release], given],
  )
  assert.deepEqual(one.platforms, ['linux/amd64', 'linux/arm64'])
})

test('records the source and the new index of a subset, and only the content that is copied', async () => {
  await using at = await lockedRelease()
  const [, image] = (await at.lock({ platforms: ['linux/arm64'] })).images
  assert.equal(image?.digest, at.pause.root.descriptor.digest)
  assert.notEqual(image.mirroredDigest, image.digest)
  assert.deepEqual(
    image.platforms.map(({ platform }) => platform),
    ['linux/arm64'],
  )
  const sparse = await at.lock({ platforms: ['linux/arm64'], sparse: true })
  assert.equal(sparse.sparse, true)
  assert.deepEqual(
    sparse.images.map(({ mirroredDigest, platforms }) => [mirroredDigest, platforms.length]),
    [
      [undefined, 1],
      [undefined, 1],
    ],
  )
  await assert.rejects(at.lock({ sparse: true }), { code: 'USAGE', message: /options\.sparse requires options\.platforms/ })
})

test('locks digests, single manifests, and the content that is copied of them', async () => {
  await using at = await lockedRelease()
  const image = tinyImage()
  at.source.hold('acme/app', '1', image)
  const { digest } = image.root.descriptor
  const { images } = await at.lock({ releases: [], references: [`acme/app@${digest}`, `acme/app:1@${digest}`, 'acme/app:1'] })
  const { mediaType } = image.root.descriptor
  const size = [...image.blobs, image.root].reduce((sum, { descriptor }) => sum + descriptor.size, 0)
  const facts = { digest, mediaType, size, platforms: [{ platform: 'linux/amd64', digest }] }
  assert.deepEqual(images, [
    { reference: 'docker.io/acme/app:1', ...facts },
    { reference: `docker.io/acme/app@${digest}`, ...facts },
  ])
})

test('refuses one name for two images, and writes nothing', async () => {
  await using at = await lockedRelease()
  const other = tinyImage()
  at.source.hold('rancher/mirrored-pause', 'other', other)
  const { digest } = other.root.descriptor
  await assert.rejects(at.lock({ references: [`rancher/mirrored-pause:3.6@${digest}`] }), {
    code: 'DESTINATION_COLLISION',
    message: /^docker\.io\/rancher\/mirrored-pause:3\.6 is selected with two digests: sha256:.* and sha256:/,
  })
  await assert.rejects(stat(at.file), { code: 'ENOENT' })
})

test('writes no lock where an image cannot be read, and keeps the file', async () => {
  await using at = await lockedRelease()
  await writeFile(at.file, '# Lock file of k3s-mirror\n')
  at.source.manifests.delete('rancher/klipper-lb:v0.4')
  const report = await at.lock()
  assert.deepEqual([report.file, report.written, report.changes, report.totals.failed], [null, false, null, 1])
  assert.equal(report.failures[0]?.reference, 'docker.io/rancher/klipper-lb:v0.4')
  assert.equal(report.failures[0]?.error.code, 'NOT_FOUND')
  assert.equal(await readFile(at.file, 'utf8'), '# Lock file of k3s-mirror\n')
})

test('replaces an invalid lock with a warning, follows a link to it, and refuses other files before any request', async () => {
  await using at = await lockedRelease()
  await writeFile(`${at.directory}/real.yaml`, '# Lock file of k3s-mirror\n<<<<<<< HEAD\n')
  await symlink('real.yaml', at.file)
  const report = await at.lock()
  assert.match(report.warnings.join(), /^the invalid lock file is replaced: .*k3s\.lock\.yaml:2: unresolved merge conflict$/)
  assert.match(await readFile(`${at.directory}/real.yaml`, 'utf8'), /^images:$/m)

  const asked = at.listRequests()
  const bundle = `${at.directory}/bundle.lock`
  await createBundle({ ...at.reach, file: `${at.directory}/k3s.tar`, references: [pauseName], lock: bundle }).report
  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['values.yaml', 'replicas: 1\n', /exists and is not a lock file/],
    ['old.lock', '{"bundle":"sha256:0","contents":[]}', /is the lock file of a bundle/],
    ['report.json', '{"schemaVersion":1,"command":"mirror","images":[],"lists":[]}', /exists and is not a lock file/],
    ['bundle.lock', await readFile(bundle, 'utf8'), /is the lock file of a bundle/],
  ]
  for (const [name, text, message] of refused) {
    const out = `${at.directory}/${name}`
    await writeFile(out, text)
    await assert.rejects(at.lock({ out }), { code: 'USAGE', message })
    assert.equal(await readFile(out, 'utf8'), text)
  }
  assert.equal(at.listRequests(), asked)
})
