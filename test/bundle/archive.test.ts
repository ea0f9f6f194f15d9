import assert from 'node:assert/strict'
import { mkdir, symlink } from 'node:fs/promises'
import { test } from 'node:test'
import { create, Header } from 'tar'
import { Archive } from '../../src/bundle/archive.ts'
import { blockBytes, paddedSize } from '../../src/bundle/tar-map.ts'
import { tempDir } from '../servers/temp-dir.ts'

function entry(fields: Partial<Header>, content = ''): Buffer {
  const block = Buffer.alloc(blockBytes)
  new Header({ mode: 0o644, mtime: new Date(0), type: 'File', ...fields, size: content.length }).encode(block)
  const body = Buffer.alloc(paddedSize(content.length))
  body.write(content)
  return Buffer.concat([block, body])
}

const link = (path: string, linkpath: string): Buffer => entry({ path, type: 'SymbolicLink', linkpath })

/** What a file of an archive that is made of these entries holds. */
async function read(path: string, ...entries: readonly Buffer[]): Promise<string | undefined> {
  await using directory = await tempDir()
  const file = await directory.write('x.tar', Buffer.concat([...entries, Buffer.alloc(2 * blockBytes)]))
  await using archive = await Archive.open(file, { links: true })
  const found = await archive.find(path)
  return found && (await archive.bytes(found, 1000)).toString()
}

test('a link of docker save is followed to the layer of another image, wherever that stands', async () => {
  const layer = entry({ path: 'one/layer.tar' }, 'content')
  assert.equal(await read('two/layer.tar', layer, link('two/layer.tar', '../one/layer.tar')), 'content')
  assert.equal(await read('two/layer.tar', link('two/layer.tar', '../one/layer.tar'), layer), 'content')
  assert.equal(await read('two', entry({ path: 'two', type: 'Link', linkpath: 'one/layer.tar' }), layer), 'content')
  assert.equal(await read('a', link('a', 'b'), link('b', 'c'), entry({ path: 'c' }, 'content')), 'content')
})

test('a link that archivers write with a long target is followed', async () => {
  await using directory = await tempDir()
  const long = `${'a'.repeat(90)}/${'b'.repeat(90)}`
  await mkdir(`${directory.path}/${'a'.repeat(90)}`)
  await directory.write(long, 'content')
  await symlink(long, `${directory.path}/link`)
  await create({ file: `${directory.path}/x.tar`, cwd: directory.path }, ['link', long])
  await using archive = await Archive.open(`${directory.path}/x.tar`, { links: true })
  assert.equal((await archive.find('link'))?.path, long)
  assert.deepEqual(
    (await archive.files()).map(({ path, entry: file }) => [path, file.path]),
    [
      ['link', long],
      [long, long],
    ],
  )
})

test('a link to nothing leads to nothing', async () => {
  assert.equal(await read('a', link('a', 'b')), undefined)
})

for (const [what, entries] of [
  ['out of the archive', [link('a', '../etc/passwd')]],
  ['out of the archive and back', [link('b/a', '../../x/b')]],
  ['to an absolute path', [link('a', '/etc/passwd')]],
  ['to itself', [link('a', 'a')]],
  ['on and on', [link('a', 'b'), link('b', 'c'), link('c', 'd'), link('d', 'e'), link('e', 'f'), link('f', 'g')]],
] as const) {
  test(`refused: a link that leads ${what}`, async () => {
    await assert.rejects(read('a', ...entries, entry({ path: 'g' }, 'content')), { code: 'INTEGRITY' })
  })
}

test('a link with content, a second file of one name and a device are refused, links or not', async () => {
  await assert.rejects(read('x', entry({ path: 'a', type: 'Link', linkpath: 'b' }, 'content')), { code: 'INTEGRITY' })
  await assert.rejects(read('x', link('a', 'b'), entry({ path: 'a' }, 'content')), { code: 'INTEGRITY', message: /twice/ })
  await assert.rejects(read('x', entry({ path: 'a', type: 'CharacterDevice' })), { code: 'INTEGRITY' })
})
