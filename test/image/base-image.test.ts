import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openBase } from '../../scripts/image/base-image.ts'
import { makeLayer, packFiles } from '../../scripts/image/layer.ts'
import { makeIndex, makePlatformImage, type PlatformImage } from '../../scripts/image/platform-image.ts'
import { writeArchive } from '../../scripts/image/write-archive.ts'
import { parsePlatform } from '../../src/oci/platform.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'
import { readImage, readTexts } from './read-image.ts'

const facts = { labels: { 'org.opencontainers.image.title': 'base', site: 'north' }, created: '2026-01-01T00:00:00Z' }
const layer = async (path: string, text: string) => ({ ...(await makeLayer(packFiles([{ path, bytes: Buffer.from(text) }]))), note: path })

async function write(directory: TempDir, name: string, images: readonly PlatformImage[]): Promise<string> {
  const file = `${directory.path}/${name}.tar`
  await writeArchive(file, { reference: parseReference(`registry.example/${name}:1`), index: makeIndex(images, facts), images })
  return file
}

/** A base for linux/amd64 only, as an archive and as the directory of a layout. */
async function makeBase(directory: TempDir) {
  const file = await write(directory, 'base', [
    makePlatformImage(parsePlatform('linux/amd64'), [await layer('etc/base', 'base')], undefined, facts),
  ])
  const layout = `${directory.path}/layout`
  await mkdir(layout)
  await promisify(execFile)('tar', ['--extract', '--directory', layout, '--file', file])
  return { file, layout }
}

test('puts the program on top of a base in an archive, a layout, or oci:<layout>, and keeps its environment and labels', async () => {
  await using directory = await tempDir()
  const { file, layout } = await makeBase(directory)
  const platform = parsePlatform('linux/amd64')
  for (const place of [file, layout, `oci:${layout}`]) {
    await using base = await openBase(place)
    assert.equal(base.name, 'registry.example/base:1')
    const part = await base.forPlatform(platform)
    const config = { ...part.config, config: { ...part.config.config, Env: ['PATH=/opt/bin', 'HOME=/root', 'SITE=north'] } }
    const labels = { 'org.opencontainers.image.title': 'k3s-mirror' }
    const image = makePlatformImage(
      platform,
      [await layer('usr/local/bin/k3s-mirror', 'program')],
      { ...part, config },
      { ...facts, labels },
    )
    const built = await write(directory, 'image', [image])
    const [read] = await readImage(built)
    assert.ok(read !== undefined)
    assert.deepEqual(await readTexts(built, read), ['etc/base base', 'usr/local/bin/k3s-mirror program'])
    assert.equal(read.config.rootfs.diff_ids.length, 2)
    assert.deepEqual(read.config.config['Env'], ['PATH=/opt/bin', 'SITE=north', 'HOME=/home/nonroot'])
    assert.deepEqual(read.config.config['Labels'], { 'org.opencontainers.image.title': 'k3s-mirror', site: 'north' })
  }
})

test('rejects a base that lacks a platform of the image', async () => {
  await using directory = await tempDir()
  const { file } = await makeBase(directory)
  await using base = await openBase(file)
  await assert.rejects(base.forPlatform(parsePlatform('linux/arm64')), {
    message: 'the base has no image for linux/arm64: pass another base, or leave the platform out with --platform',
  })
})
