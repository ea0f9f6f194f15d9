import assert from 'node:assert/strict'
import { readFile, utimes } from 'node:fs/promises'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { checkImages } from '../../../src/node/check/check-images.ts'
import { NodeFiles } from '../../../src/node/check/node-files.ts'
import type { NodeSettings } from '../../../src/node/node-settings.ts'
import { packTar } from '../../bundle/bundle-files.ts'
import { dockerSave } from '../../bundle/foreign-files.ts'
import { nodeTree, type NodeTree } from './node-trees.ts'

const directory = '/var/lib/rancher/k3s/agent/images'

async function archive(...tags: readonly string[]): Promise<Buffer> {
  await using packed = await packTar(dockerSave({ tags, layers: [Buffer.from('layer')] }))
  return readFile(packed.path)
}

async function check(tree: NodeTree, settings: NodeSettings = {}) {
  const { images, findings } = await checkImages(await NodeFiles.open(tree.path), directory, settings)
  const short = findings.map(({ id, severity, path }) => `${severity} ${id} ${path.slice(directory.length + 1)}`)
  return { images, findings, short }
}

const seconds = 1_780_000_000
const noted = (
  size: number,
  modTime = new Date(seconds * 1000).toISOString().replace('.000', ''),
  images: unknown = ['docker.io/rancher/a:1'],
): unknown => ({ size, modTime, images })

test('imports every archive at every start without .cache.json', async () => {
  await using tree = await nodeTree({
    [`${directory}/k3s.tar`]: await archive('rancher/a:1', 'rancher/b:2'),
    [`${directory}/more/own.tar.gz`]: gzipSync(await archive('ghcr.io/own/c:3')),
  })
  const { images, short } = await check(tree, {
    airgapExtraRegistries: ['mirror.example.com/', 'ghcr.io'],
    systemDefaultRegistry: 'r.example.com:5000/k3s',
  })
  assert.deepEqual(short, ['ok image-archive-imported k3s.tar', 'ok image-archive-imported more/own.tar.gz'])
  assert.deepEqual(
    images.map(({ state, images: names }) => [state, names]),
    [
      ['always', ['docker.io/rancher/a:1', 'docker.io/rancher/b:2']],
      ['always', ['ghcr.io/own/c:3']],
    ],
  )
  // An image that a registry already has is not tagged for it again.
  assert.deepEqual(images[1]?.retagged, ['mirror.example.com/own/c:3', 'r.example.com:5000/k3s/own/c:3'])
  assert.deepEqual(images[0]?.retagged.slice(0, 3), [
    'mirror.example.com/rancher/a:1',
    'ghcr.io/rancher/a:1',
    'r.example.com:5000/k3s/rancher/a:1',
  ])
})

test('compares size and time with .cache.json', async () => {
  const tar = await archive('rancher/a:1')
  const at = (name: string): string => `${directory}/${name}`
  const cache = {
    [at('same.tar')]: noted(tar.length),
    [at('fraction.tar')]: noted(tar.length),
    [at('larger.tar')]: noted(tar.length - 1),
    [at('newer.tar')]: noted(tar.length, '2020-01-01T00:00:00Z'),
    [at('failed.tar')]: noted(tar.length, undefined, null),
    [at('gone.tar')]: noted(tar.length),
  }
  await using tree = await nodeTree({
    ...Object.fromEntries(['same', 'fraction', 'larger', 'newer', 'failed', 'unknown'].map((name) => [at(`${name}.tar`), tar])),
    [at('.cache.json')]: JSON.stringify(cache),
  })
  await utimes(tree.at(at('fraction.tar')), seconds + 0.5, seconds + 0.5)
  const { images, short, findings } = await check(tree)
  assert.deepEqual(Object.fromEntries(images.map(({ path, state }) => [path.slice(directory.length + 1), state])), {
    'failed.tar': 'new',
    'fraction.tar': 'fraction',
    'larger.tar': 'changed',
    'newer.tar': 'changed',
    'same.tar': 'unchanged',
    'unknown.tar': 'new',
  })
  assert.ok(short.includes('info image-cache-stale .cache.json'))
  assert.equal(findings.find(({ id }) => id === 'image-archive-reimported')?.fix, `run touch -d @${seconds} on this file`)
})

test('takes an empty .cache.json as a list without files, and reports an invalid one', async () => {
  const tar = { [`${directory}/a.tar`]: await archive('rancher/a:1') }
  await using empty = await nodeTree({ ...tar, [`${directory}/.cache.json`]: '' })
  assert.deepEqual((await check(empty)).short, ['info image-archive-changed a.tar'])
  await using invalid = await nodeTree({ ...tar, [`${directory}/.cache.json`]: '[}' })
  assert.deepEqual((await check(invalid)).short, ['warning image-cache-invalid .cache.json', 'info image-archive-changed a.tar'])
})

test('reports files that K3s ignores, cannot import, or can import and we cannot read', async () => {
  const tar = await archive('rancher/a:1')
  await using tree = await nodeTree({
    [`${directory}/a.tar.lz4`]: 'x',
    [`${directory}/b.tar.gz`]: tar,
    [`${directory}/c.tar`]: 'hello',
    [`${directory}/d.TAR`]: tar,
    [`${directory}/e.tar.xz`]: 'x',
    [`${directory}/f.txt`]: 'docker.io/rancher/a:1\n\n  ghcr.io/b/c:1  \n# comment\n',
    [`${directory}/g.tar`]: await archive(),
  })
  await tree.link(`${directory}/h.tar`, '/missing')
  await tree.link(`${directory}/loop`, directory)
  const { short, images, findings } = await check(tree)
  assert.match(findings.find(({ id }) => id === 'image-list-invalid')?.message ?? '', /the first one is line 4$/)
  assert.deepEqual(short.slice(0, 9), [
    'info image-archive-unknown-names a.tar.lz4',
    'error image-archive-compression b.tar.gz',
    'error image-archive-unreadable c.tar',
    'info image-file-ignored d.TAR',
    'info image-file-ignored e.tar.xz',
    'ok image-list f.txt',
    'warning image-list-invalid f.txt',
    'ok image-archive-imported g.tar',
    'warning image-archive-without-names g.tar',
  ])
  assert.ok(short.includes('error image-archive-unreadable h.tar'))
  assert.deepEqual(images.find(({ kind }) => kind === 'list')?.images, ['docker.io/rancher/a:1', 'ghcr.io/b/c:1'])
})

test('has nothing to report without the directory', async () => {
  await using tree = await nodeTree({ '/etc/rancher/k3s/config.yaml': '' })
  assert.deepEqual(await check(tree).then(({ short, images }) => [short, images]), [[], []])
})
