import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { createBundle } from '../../src/runs/create-bundle.ts'
import { listImages } from '../../src/runs/list-images.ts'
import { planImages } from '../../src/runs/plan-images.ts'
import { verify } from '../../src/runs/verify.ts'
import { tinyIndex } from '../layout/tiny-image.ts'
import { sha256Hex } from '../release/file-server.ts'
import { lockedRelease, release, type LockedRelease } from './locked-release.ts'

const pauseName = 'docker.io/rancher/mirrored-pause:3.6'

/** Everything that was asked of the source and of the host of the release files. */
function forget(at: LockedRelease): () => number {
  const before = at.listRequests()
  at.source.forget()
  at.destination.forget()
  return () => at.source.requests.length + at.listRequests() - before
}

test('a run with nothing to do sends one HEAD an image to the destination, and nothing to the source or to the release files', async () => {
  await using at = await lockedRelease()
  await at.lock()
  const copied = await at.mirror()
  assert.equal(copied.totals.copied, 2)
  assert.equal(at.source.count('manifest-head'), 2, 'only the lock asks what tags name')
  const asked = forget(at)
  for (const options of [{}, { locked: undefined, images: [at.file] }]) {
    const { totals } = await at.mirror(options)
    assert.deepEqual([totals.upToDate, totals.requests], [2, { source: 0, destination: 2 }])
  }
  assert.equal(asked(), 0)
  assert.deepEqual(at.destination.kinds(), Array(4).fill('manifest-head'))
  assert.deepEqual(copied.lists, [
    {
      name: at.file,
      release,
      channel: 'stable',
      sha256: sha256Hex(at.list),
      coverage: 'none',
      images: 2,
    },
  ])
})

test('copies the locked digest under its tag after the tag has moved, and refuses it where it is gone', async () => {
  await using at = await lockedRelease()
  await at.lock()
  const { digest } = at.pause.root.descriptor
  const moved = tinyIndex()
  at.source.hold('rancher/mirrored-pause', '3.6', moved)
  const first = await at.mirror()
  assert.equal(first.totals.copied, 2)
  assert.deepEqual(at.destination.manifests.get('rancher/mirrored-pause:3.6')?.bytes, Buffer.from(at.pause.root.bytes))
  assert.equal(first.images[1]?.destination, `${at.destination.host}/rancher/mirrored-pause:3.6`)

  at.source.manifests.delete(`rancher/mirrored-pause@${digest}`)
  const { totals } = await at.mirror()
  assert.equal(totals.upToDate, 2, 'what the destination has is not asked for again')
  const to = `${at.destination.url}/other`
  const gone = await at.mirror({ to })
  const [, image] = gone.images
  assert.equal(image?.error?.code, 'TAG_MOVED')
  const now = moved.root.descriptor.digest
  assert.equal(image.error.message, `${pauseName}@${digest}: the tag has moved: the source has ${now}, and no longer ${digest}`)
  assert.ok(!at.destination.manifests.has('other/rancher/mirrored-pause:3.6'))
  assert.equal((await at.mirror({ to, locked: undefined, images: [at.file] })).images[1]?.error?.code, 'TAG_MOVED')

  at.source.manifests.delete('rancher/mirrored-pause:3.6')
  const missing = (await at.mirror({ to })).images[1]?.error
  assert.equal(missing?.code, 'TAG_MOVED')
  assert.match(missing.message, /is gone: the source has neither the digest sha256:\w+ nor the tag$/)
  const plan = await planImages({ ...at.reach, to, locked: at.file })
  assert.deepEqual(
    plan.failures.map(({ error }) => error.code),
    ['TAG_MOVED'],
  )
})

test('reproduces a subset of platforms without its options, and refuses others', async () => {
  await using at = await lockedRelease()
  const [, locked] = (await at.lock({ platforms: ['linux/arm64'] })).images
  const report = await at.mirror()
  assert.deepEqual([report.totals.copied, report.images[1]?.digest], [2, locked?.mirroredDigest])
  const asked = forget(at)
  assert.equal((await at.mirror({ platforms: ['linux/arm64'] })).totals.upToDate, 2)
  const { totals } = await verify({ to: at.destination.url, locked: at.file })
  assert.equal(totals.ok, 2)
  assert.equal(asked(), 0)
  await assert.rejects(at.mirror({ platforms: ['linux/amd64'] }), {
    code: 'USAGE',
    message: /linux\/amd64 is not what .* has: linux\/arm64$/,
  })
  await assert.rejects(at.mirror({ sparse: true }), { code: 'USAGE', message: /options\.sparse would change the digests/ })
  assert.equal(asked(), 0)

  await at.lock({ platforms: ['linux/arm64'], sparse: true })
  const layout = `oci:${at.directory}/site`
  const sparse = await at.mirror({ to: layout })
  assert.deepEqual([sparse.totals.copied, sparse.images[1]?.digest], [2, locked?.digest])
  const file = `${at.directory}/k3s.tar`
  await assert.rejects(createBundle({ ...at.reach, file, locked: at.file }).report, { code: 'USAGE', message: /lock for sparse indexes/ })

  await at.lock()
  await assert.rejects(at.mirror({ platforms: ['linux/amd64'] }), { code: 'USAGE', message: /options\.platforms would change the digests/ })
  assert.equal((await at.mirror({ platforms: ['linux/amd64'], sparse: true, to: `oci:${at.directory}/other` })).totals.copied, 2)
})

test('refuses an index over the platforms that is not the locked one', async () => {
  await using at = await lockedRelease()
  const [, locked] = (await at.lock({ platforms: ['linux/arm64'] })).images
  const text = await readFile(at.file, 'utf8')
  const wrong = `sha256:${'0'.repeat(64)}`
  await writeFile(at.file, text.replace(`mirroredDigest: ${locked?.mirroredDigest}`, `mirroredDigest: ${wrong}`))
  const { images } = await at.mirror()
  assert.deepEqual(
    images.map(({ error }) => error?.code),
    [undefined, 'INTEGRITY'],
  )
  assert.ok(!at.destination.manifests.has('rancher/mirrored-pause:3.6'))
})

test('requires that a selection is in the lock, with the same list of its release', async () => {
  await using at = await lockedRelease()
  await at.lock()
  const one = await at.mirror({ releases: ['stable'], include: ['*pause*'] })
  assert.deepEqual(
    one.images.map(({ source }) => source),
    [`${pauseName}@${at.pause.root.descriptor.digest}`],
  )
  const unlocked = ['a', 'b', 'c', 'd'].map((name) => `${name}:1`)
  await assert.rejects(at.mirror({ references: [pauseName, ...unlocked] }), {
    code: 'INVALID_LIST',
    message: /k3s\.lock\.yaml does not have docker\.io\/library\/a:1, .*b:1, .*c:1 and 1 more$/,
  })
  await assert.rejects(at.mirror({ references: [`${pauseName}@sha256:${'0'.repeat(64)}`] }), {
    code: 'INVALID_LIST',
    message: /has another digest in .*: sha256:/,
  })
  const list = `${pauseName}\n`
  at.files['/v1.36.3%2Bk3s1/k3s-images.txt'] = list
  at.files['/v1.36.3%2Bk3s1/sha256sum-amd64.txt'] = `${sha256Hex(list)}  k3s-images.txt\n`
  await assert.rejects(at.mirror({ releases: [release] }), {
    code: 'CHECKSUM_MISMATCH',
    message: /^v1\.36\.3\+k3s1: the image list is not the locked one: expected \w{64}, got \w{64}$/,
  })
})

test('lists the images of a lock by either option, with their releases', async () => {
  await using at = await lockedRelease()
  const { images } = await at.lock()
  const names = images.map(({ reference, digest }) => `${reference}@${digest}`)
  const [own, listed] = await Promise.all([listImages({ locked: at.file }), listImages({ images: [at.file] })])
  assert.deepEqual(own, listed)
  assert.deepEqual(own.releases, Object.fromEntries(names.map((name) => [name, [release]])))
  assert.deepEqual((await listImages({ locked: at.file, exclude: ['**/klipper*'] })).images.length, 1)
})

test('verify compares the destination with the lock, and asks for tags', async () => {
  await using at = await lockedRelease()
  await at.lock()
  await at.mirror()
  const asked = forget(at)
  assert.equal((await verify({ to: at.destination.url, locked: at.file })).totals.ok, 2)
  assert.equal((await verify({ to: at.destination.url, locked: at.file, platforms: ['linux/arm64'] })).totals.ok, 2)
  const other = tinyIndex()
  at.destination.hold('rancher/mirrored-pause', '3.6', other)
  const moved = await verify({ to: at.destination.url, locked: at.file })
  assert.deepEqual(
    moved.images.flatMap(({ problems }) => problems),
    [
      {
        code: 'TAG_MOVED',
        message: `${pauseName}@${at.pause.root.descriptor.digest}: the tag has moved: ${at.destination.url}/v2/rancher/mirrored-pause has ${other.root.descriptor.digest}, ${at.file} ${at.pause.root.descriptor.digest}`,
      },
    ],
  )
  const registries = `${at.directory}/registries.yaml`
  await writeFile(registries, `mirrors:\n  docker.io:\n    endpoint: ["${at.destination.url}"]\n`)
  const node = await verify({ registries, asNode: true, disableDefaultEndpoint: true, locked: at.file })
  assert.deepEqual(
    node.images.map(({ status }) => status),
    ['ok', 'moved'],
  )
  assert.equal(asked(), 0)
})

test('a bundle by the lock has the bytes of the bundle before, also after the tags moved', async () => {
  await using at = await lockedRelease()
  await at.lock()
  const [before, after] = [`${at.directory}/before.tar`, `${at.directory}/after.tar`]
  const names = [pauseName]
  await createBundle({ ...at.reach, file: before, references: names, lock: `${at.directory}/before.lock` }).report
  at.source.hold('rancher/mirrored-pause', '3.6', tinyIndex())
  const report = await createBundle({ ...at.reach, file: after, references: names, locked: at.file, lock: `${at.directory}/after.lock` })
    .report
  assert.equal(report.totals.copied, 1)
  assert.ok((await readFile(before)).equals(await readFile(after)))
  assert.equal(await readFile(`${at.directory}/before.lock`, 'utf8'), await readFile(`${at.directory}/after.lock`, 'utf8'))
  const next = await createBundle({ ...at.reach, file: `${at.directory}/next.tar`, locked: at.file, since: `${at.directory}/after.lock` })
    .report
  assert.deepEqual([next.totals.copied, next.totals.upToDate], [1, 1])
  const since = { ...at.reach, file: `${at.directory}/x.tar`, references: names, since: at.file }
  await assert.rejects(createBundle(since).report, { code: 'USAGE', message: /is not the lock file of a bundle/ })
})

test('names a file that is not a lock', async () => {
  await using at = await lockedRelease()
  const cases: readonly (readonly [string, RegExp])[] = [
    ['docker.io/a/b:1\n', /list\.txt: this is not a lock file$/],
    ['{"bundle":"sha256:0","contents":[],"images":["a:1"]}', /this lock file has no digests: an earlier version wrote it$/],
  ]
  const file = `${at.directory}/list.txt`
  for (const [text, message] of cases) {
    await writeFile(file, text)
    await assert.rejects(at.mirror({ locked: file }), { code: 'INVALID_LIST', message })
  }
  await assert.rejects(at.mirror({ locked: at.directory }), { code: 'INVALID_LIST', message: /this is a directory, not a lock file$/ })
  await assert.rejects(at.mirror(), { code: 'INVALID_LIST', message: /k3s\.lock\.yaml: no such file$/ })
})
