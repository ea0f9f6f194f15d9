import assert from 'node:assert/strict'
import { symlink } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { create, Header } from 'tar'
import { openFileBytes } from '../../src/bundle/archive-bytes.ts'
import { scanTar } from '../../src/bundle/scan-tar.ts'
import { blockBytes, mapTar, paddedSize, tarHeader, type TarEntry } from '../../src/bundle/tar-map.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { packTar } from './bundle-files.ts'

async function scan(path: string): Promise<ReadonlyMap<string, TarEntry>> {
  await using file = await openFileBytes(path)
  const entries = new Map<string, TarEntry>()
  for await (const entry of scanTar(file)) entries.set(entry.path, entry)
  return entries
}

async function scanBytes(bytes: Uint8Array): Promise<ReadonlyMap<string, TarEntry>> {
  await using directory = await tempDir()
  return await scan(await directory.write('x.tar', Buffer.from(bytes)))
}

function header(fields: Partial<Header>): Buffer {
  const block = Buffer.alloc(blockBytes)
  new Header({ mode: 0o644, size: 0, mtime: new Date(0), type: 'File', ...fields }).encode(block)
  return block
}

const end = Buffer.alloc(2 * blockBytes)

test('what another archiver packs is found, long names too', async () => {
  const long = `${'a'.repeat(80)}/${'b'.repeat(120)}`
  await using packed = await packTar({ 'one.txt': 'first', [long]: 'second', empty: '' })
  const entries = await scan(packed.path)
  assert.deepEqual(
    [...entries.values()].map(({ path, size }) => [path, size]),
    [
      ['one.txt', 5],
      [long, 6],
      ['empty', 0],
    ],
  )
})

test('every place of a map is where a scan finds it', async () => {
  const file = fc.record({ path: fc.stringMatching(/^blobs\/sha256\/[0-9a-f]{64}$/), size: fc.nat(3000) }, { noNullPrototype: true })
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(file, { selector: ({ path }) => path, maxLength: 6 }), async (files) => {
      const map = mapTar(files)
      const bytes = Buffer.concat([...files.flatMap((one) => [tarHeader(one), Buffer.alloc(paddedSize(one.size), 1)]), end])
      assert.equal(bytes.length, map.size)
      assert.deepEqual(await scanBytes(bytes), map.entries)
    }),
    { numRuns: 25 },
  )
})

test('a blob of more than 8 GiB is refused by name, for its header has no room', () => {
  const sized = (size: number): Buffer => tarHeader({ path: 'blobs/sha256/x', size })
  assert.equal(new Header(sized(8 * 1024 ** 3 - 1)).size, 8 * 1024 ** 3 - 1)
  assert.throws(() => sized(8 * 1024 ** 3), { code: 'UNSUPPORTED' })
})

for (const [what, bytes, words] of [
  ['a path that leads out', [header({ path: '../../etc/passwd' })], /leads out/],
  ['an absolute path', [header({ path: '/etc/passwd' })], /leads out/],
  ['a symbolic link', [header({ path: 'a', type: 'SymbolicLink', linkpath: '/etc/passwd' })], /link or a device/],
  ['a hard link', [header({ path: 'a', type: 'Link', linkpath: 'b' })], /link or a device/],
  ['a device', [header({ path: 'a', type: 'CharacterDevice' })], /link or a device/],
  ['two files of one name', [header({ path: 'a' }), header({ path: './a' })], /twice/],
  ['a size beyond the end', [header({ path: 'a', size: 10_000_000 })], /cut off/],
  ['no tar archive', [Buffer.alloc(blockBytes, 'x')], /no tar archive, or damaged/],
] as const) {
  test(`refused: ${what}`, async () => {
    await assert.rejects(scanBytes(Buffer.concat([...bytes, end])), { code: 'INTEGRITY', message: words })
  })
}

test('an archive without its end was cut off', async () => {
  await assert.rejects(scanBytes(header({ path: 'a' })), { code: 'INTEGRITY', message: /cut off/ })
  await assert.rejects(scanBytes(Buffer.alloc(0)), { code: 'INTEGRITY', message: /cut off/ })
})

test('a link that an archiver packs is refused', async () => {
  await using directory = await tempDir()
  await symlink('/etc/passwd', `${directory.path}/link`)
  await create({ file: `${directory.path}/x.tar`, cwd: directory.path }, ['link'])
  await assert.rejects(scan(`${directory.path}/x.tar`), { code: 'INTEGRITY' })
})

test('whatever bytes come, they are an archive or refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3 * blockBytes }), async (bytes) => {
      await scanBytes(bytes).then(
        (entries) => assert.ok(entries.size >= 0),
        (error: unknown) => assert.equal((error as { code?: string }).code, 'INTEGRITY'),
      )
    }),
    { numRuns: 50 },
  )
})
