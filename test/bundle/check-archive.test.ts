import assert from 'node:assert/strict'
import { mkdir, rename, symlink } from 'node:fs/promises'
import { test } from 'node:test'
import { create } from 'tar'
import { checkBundle } from '../../src/bundle/check-archive.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { flipBit, packTar } from './bundle-files.ts'
import { indexJson, ociLayout } from './foreign-files.ts'

const named = { 'io.containerd.image.name': 'docker.io/rancher/x:1' }
const made = ociLayout({ layers: [Buffer.alloc(1024, 'layer')] })
const files = { ...made.files, [`blobs/${sha256(made.index).replace(':', '/')}`]: made.index, 'index.json': indexJson(made.index, named) }
/** The only blob that is compressed. */
const layer = Object.entries(made.files).find(([, bytes]) => Buffer.from(bytes)[0] === 0x1f)?.[0] ?? ''

test('what a link leads to is hashed as the blob that it stands for', async () => {
  await using directory = await tempDir()
  await mkdir(`${directory.path}/blobs/sha256`, { recursive: true })
  for (const [path, bytes] of Object.entries(files)) await directory.write(path, Buffer.from(bytes))
  await rename(`${directory.path}/${layer}`, `${directory.path}/blobs/store`)
  await symlink('../store', `${directory.path}/${layer}`)
  const file = `${directory.path}/x.tar`
  const pack = (): Promise<void> => create({ file, cwd: directory.path, portable: true }, [...Object.keys(files), 'blobs/store'])
  await pack()
  assert.deepEqual((await checkBundle(file)).problems, [])
  await flipBit(`${directory.path}/blobs/store`, 20)
  await pack()
  assert.deepEqual((await checkBundle(file)).problems, [
    { message: `${layer} does not match its digest`, images: ['docker.io/rancher/x:1'] },
  ])
})

test('a size that is not that of the content is a problem, at the root too', async () => {
  const [manifest] = made.manifests
  assert.ok(manifest !== undefined)
  const wrong = files['index.json'].replace(`"size":${made.index.length}`, `"size":${made.index.length + 1}`)
  assert.notEqual(wrong, files['index.json'])
  await using root = await packTar({ ...files, 'index.json': wrong })
  const { problems } = await checkBundle(root.path)
  assert.match(problems.map(({ message }) => message).join(), /^sha256:[0-9a-f]{64} has [0-9]+ bytes, not the declared [0-9]+$/)

  const bytes = Buffer.from(manifest.bytes.toString().replace(/"size":([0-9]+)}\]/, '"size":1$1}]'))
  assert.notEqual(bytes.length, manifest.bytes.length)
  await using below = await packTar({
    ...made.files,
    [`blobs/${sha256(bytes).replace(':', '/')}`]: bytes,
    'index.json': indexJson(bytes, named, { 'io.containerd.image.name': 'docker.io/rancher/y:1' }),
  })
  const [problem, ...more] = (await checkBundle(below.path)).problems
  assert.match(problem?.message ?? '', /has [0-9]+ bytes, not the declared 1[0-9]+$/)
  assert.deepEqual([problem?.images, more], [['docker.io/rancher/x:1', 'docker.io/rancher/y:1'], []], 'one problem for all its images')
})
