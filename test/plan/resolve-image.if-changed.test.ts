import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMirrorError } from '../../src/errors.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { resolveImage, type IfChanged } from '../../src/plan/resolve-image.ts'
import { tinyImage, tinyIndex } from '../layout/tiny-image.ts'
import { openRegistry } from '../registry/open-registry.ts'
import { memoryRegistry } from '../servers/memory-registry.ts'

const named = { source: parseReference('docker.io/a/b:1'), destination: parseReference('r.example/m/a/b:1') }

/** Two registries whose tags of one name differ. */
async function withMovedTag() {
  const [from, to] = await Promise.all([memoryRegistry(), memoryRegistry()])
  const [image, old] = [tinyIndex(), tinyImage(Buffer.from('old'))]
  from.hold('a/b', '1', image)
  to.hold('m/a/b', '1', old)
  const source = openRegistry(from.url)
  const destination = openRegistry(to.url, { side: 'destination' })
  return {
    from,
    to,
    image,
    previous: old.root.descriptor.digest,
    resolve: (ifChanged?: IfChanged) => resolveImage(named, source, destination, { ifChanged }),
    async [Symbol.asyncDispose]() {
      for (const part of [source, destination, from, to]) await part[Symbol.asyncDispose]()
    },
  }
}

test('names what a tag with other content points to', async () => {
  await using at = await withMovedTag()
  for (const ifChanged of [undefined, 'replace'] as const) {
    const { state, previous, contents } = await at.resolve(ifChanged)
    assert.deepEqual([state, previous], ['changed', at.previous])
    assert.ok(contents.blobs.length > 0)
  }
})

test('refuses a moved tag before anything below its root is read', async () => {
  await using at = await withMovedTag()
  const digest = at.image.root.descriptor.digest
  await assert.rejects(at.resolve('fail'), (error) => {
    assert.ok(isMirrorError(error))
    assert.deepEqual([error.code, error.side], ['TAG_MOVED', 'destination'])
    assert.equal(error.message, `docker.io/a/b:1: the tag has moved: the destination has ${at.previous}, the source ${digest}`)
    return true
  })
  assert.deepEqual(at.from.kinds(), ['manifest-head', 'manifest-get'])
  assert.deepEqual(at.to.kinds(), ['manifest-head'])
})

test('skips a moved tag', async () => {
  await using at = await withMovedTag()
  const { state, previous, contents } = await at.resolve('skip')
  assert.deepEqual([state, previous, contents], ['skipped', at.previous, { manifests: [], blobs: [], foreign: [] }])
})
