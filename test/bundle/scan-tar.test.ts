import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { open, symlink } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { create, Header } from 'tar'
import { openFileBytes } from '../../src/bundle/archive-bytes.ts'
import { scanTar, type ScanOptions } from '../../src/bundle/scan-tar.ts'
import { blockBytes, mapTar, paddedSize, tarHeader, type TarEntry } from '../../src/bundle/tar-map.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { packTar } from './bundle-files.ts'

async function scan(path: string, options?: ScanOptions): Promise<ReadonlyMap<string, TarEntry>> {
  await using file = await openFileBytes(path)
  const entries = new Map<string, TarEntry>()
  for await (const entry of scanTar(file, options)) entries.set(entry.path, entry)
  return entries
}

async function scanBytes(bytes: Uint8Array, options?: ScanOptions): Promise<ReadonlyMap<string, TarEntry>> {
  await using directory = await tempDir()
  return await scan(await directory.write('x.tar', Buffer.from(bytes)), options)
}

function header(fields: Partial<Header>): Buffer {
  const block = Buffer.alloc(blockBytes)
  new Header({ mode: 0o644, size: 0, mtime: new Date(0), type: 'File', ...fields }).encode(block)
  return block
}

/** A header of a file "a" with something else at a place in it, and a checksum that is right. */
function changed(text: string, place: number): Buffer {
  const block = header({ path: 'a' })
  block.write(text, place, 'latin1')
  block.fill(' ', 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

const sized = (field: string): Buffer => changed(field.padEnd(12, '\0'), 124)
const typed = (type: string): Buffer => changed(type, 156)

/** An extended header with this text, and a file behind it. */
function extended(text: string, type: 'ExtendedHeader' | 'GlobalExtendedHeader' = 'ExtendedHeader'): readonly Buffer[] {
  const content = Buffer.alloc(paddedSize(Buffer.byteLength(text)))
  content.write(text)
  return [header({ path: 'pax', type, size: Buffer.byteLength(text) }), content, header({ path: 'a' })]
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

test('a blob of more than 8 GiB has its place, where GNU tar finds it too', async () => {
  await using directory = await tempDir()
  const files = [
    { path: 'blobs/sha256/large', size: 9 * 1024 ** 3 + 1 },
    { path: 'blobs/sha256/small', size: 3 },
  ]
  const { entries, size } = mapTar(files)
  const path = `${directory.path}/x.tar`
  {
    await using file = await open(path, 'w')
    for (const entry of entries.values()) await file.write(tarHeader(entry), 0, blockBytes, entry.offset - blockBytes)
    await file.truncate(size)
  }
  assert.deepEqual(await scan(path), entries)
  const { stdout } = await promisify(execFile)('tar', ['--list', '--verbose', '--file', path])
  assert.match(stdout, / 9663676417 1970-01-01 .*large\n.* 3 1970-01-01 .*small\n$/)
})

const damaged = header({ path: 'a' })
damaged[0] = 0x62

for (const [what, bytes, words] of [
  ['a path that leads out', [header({ path: '../../etc/passwd' })], /points outside the archive/],
  ['an absolute path', [header({ path: '/etc/passwd' })], /points outside the archive/],
  ['a symbolic link', [header({ path: 'a', type: 'SymbolicLink', linkpath: '/etc/passwd' })], /a is a symbolic link/],
  ['a hard link', [header({ path: 'a', type: 'Link', linkpath: 'b' })], /a is a hard link/],
  ['a character device', [header({ path: 'a', type: 'CharacterDevice' })], /a is a character device/],
  ['a block device', [header({ path: 'a', type: 'BlockDevice' })], /a is a block device/],
  ['a FIFO', [header({ path: 'a', type: 'FIFO' })], /a is a FIFO/],
  ['a sparse file of GNU tar', [header({ path: 'a', type: 'SparseFile' })], /a is a sparse file/],
  ['the rest of a file of another volume', [header({ path: 'a', type: 'ContinuationFile' })], /begins in another volume/],
  ['an entry of an unknown type', [typed('Y')], /a is of the unknown type "Y"/],
  ['a global header that names a file', extended('9 path=x\n', 'GlobalExtendedHeader'), /global extended header at byte 512 names a file/],
  ['two files of one name', [header({ path: 'a' }), header({ path: './a' })], /twice/],
  ['a size beyond the end', [header({ path: 'a', size: 10_000_000 })], /truncated/],
  ['a header with a wrong checksum', [damaged], /the header at byte 0 has a wrong checksum/],
  ['a size that is not octal', [sized('00000000x12')], /declares an invalid size/],
  ['a size below zero', [sized('\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe')], /declares an invalid size/],
  ['an extended header without an equals sign', extended('9 path x\n'), /extended header at byte 512 is damaged/],
  ['an extended header that is longer than it says', extended('10 path=x\nmore'), /extended header at byte 512 is damaged/],
  ['an extended header that is shorter than it says', extended('99 path=x\n'), /extended header at byte 512 is damaged/],
  ['an extended size that is not a number', extended('11 size=1x\n'), /declares an invalid size/],
  ['a sparse file', extended('22 GNU.sparse.major=1\n'), /sparse/],
] as const) {
  test(`refused: ${what}`, async () => {
    await assert.rejects(scanBytes(Buffer.concat([...bytes, end])), { code: 'INTEGRITY', message: words })
  })
}

test('any number of zeros may follow the last file, up to a limit where one is set, and nothing else', async () => {
  const archive = [header({ path: 'a' }), end]
  const padded = Buffer.concat([...archive, Buffer.alloc(5_000_000)])
  assert.deepEqual([...(await scanBytes(padded)).keys()], ['a'])
  await assert.rejects(scanBytes(padded, { maxPadding: 4 * 1024 ** 2 }), { code: 'INTEGRITY', message: /more than 4 MiB of zeros/ })
  for (const more of [Buffer.from('x'), Buffer.concat([Buffer.alloc(90_000), header({ path: 'b' })])]) {
    await assert.rejects(scanBytes(Buffer.concat([...archive, more])), { code: 'INTEGRITY', message: /trailing data/ })
  }
  const lone = Buffer.concat([header({ path: 'a' }), Buffer.alloc(blockBytes), header({ path: 'b' }), end])
  await assert.rejects(scanBytes(lone), { code: 'INTEGRITY', message: /trailing data/ })
})

test('a volume label, a directory of an incremental archive and a global comment are skipped', async () => {
  const label = header({ path: '/ the images of 2026', type: 'TapeVolumeHeader' })
  const list = Buffer.alloc(blockBytes)
  list.write('Yfile\0')
  const directory = [header({ path: 'blobs/', type: 'GNUDumpDir', size: 7 }), list]
  const comment = extended('20 comment=of a git\n', 'GlobalExtendedHeader')
  assert.deepEqual([...(await scanBytes(Buffer.concat([label, ...directory, ...comment, end]))).keys()], ['a'])
})

test('an extended header counts bytes, not characters', async () => {
  assert.deepEqual(
    [
      ...(
        await scanBytes(Buffer.concat([...extended('13 path=äö\n'), ...extended('9 path=x\n').slice(0, 2), header({ path: 'b' }), end]))
      ).keys(),
    ],
    ['äö', 'x'],
  )
})

test('an archive that ends behind a file is reported as one without an end, and was cut off where that is not asked for', async () => {
  const file = Buffer.concat([header({ path: 'a', size: 5 }), Buffer.alloc(blockBytes, 'x')])
  for (const rest of [0, 100]) {
    let lacksEnd = false
    const entries = await scanBytes(Buffer.concat([file, Buffer.alloc(rest)]), { onMissingEnd: () => (lacksEnd = true) })
    assert.deepEqual([[...entries.keys()], lacksEnd], [['a'], true])
  }
  await assert.rejects(scanBytes(file), { code: 'INTEGRITY', message: /truncated/ })
  const whole = { onMissingEnd: () => assert.fail('it has an end') }
  assert.equal((await scanBytes(Buffer.concat([file, Buffer.alloc(blockBytes)]), whole)).size, 1)
})

test('an archive that ends inside a file, its padding, a header or behind an extended header was cut off', async () => {
  const bytes = Buffer.concat([header({ path: 'a', size: 600 }), Buffer.alloc(2 * blockBytes, 'x'), header({ path: 'b' })])
  const onMissingEnd = (): void => undefined
  for (const length of [100, 512, 900, 1112, 1200, 1600])
    await assert.rejects(scanBytes(bytes.subarray(0, length), { onMissingEnd }), { code: 'INTEGRITY', message: /truncated/ })
  const pax = Buffer.concat(extended('9 path=x\n').slice(0, 2))
  await assert.rejects(scanBytes(pax, { onMissingEnd }), { code: 'INTEGRITY', message: /truncated/ })
})

test('a link that an archiver packs is refused', async () => {
  await using directory = await tempDir()
  await symlink('/etc/passwd', `${directory.path}/link`)
  await create({ file: `${directory.path}/x.tar`, cwd: directory.path }, ['link'])
  await assert.rejects(scan(`${directory.path}/x.tar`), { code: 'INTEGRITY' })
})

test('a file of another format is not an archive', async () => {
  for (const [bytes, words] of [
    [Buffer.alloc(0), 'empty'],
    [Buffer.from('docker.io/rancher/x:1\n'), 'a text file'],
    [Buffer.alloc(2 * blockBytes, 'ä\n'), 'a text file'],
    [Buffer.from('\uFEFF<!DOCTYPE html><html>'), 'a web page'],
    [Buffer.from('<?xml version="1.0"?>'), 'an XML document'],
    [Buffer.from('{"schemaVersion": 1}'), 'a JSON document'],
    [Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(blockBytes)]), 'an executable'],
    [Buffer.alloc(blockBytes, 0x90), 'a file of an unknown format'],
  ] as const)
    await assert.rejects(scanBytes(bytes, { onMissingEnd: () => undefined }), {
      code: 'USAGE',
      message: new RegExp(`x[.]tar" is not an archive: it is ${words}$`),
    })
})

test('whatever bytes come, they are an archive or refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3 * blockBytes }), async (bytes) => {
      await scanBytes(bytes).then(
        (entries) => assert.ok(entries.size >= 0),
        (error: unknown) => assert.match(String((error as { code?: string }).code), /^(?:INTEGRITY|USAGE|UNSUPPORTED)$/),
      )
    }),
    { numRuns: 50 },
  )
})

test('headers that readers take for different files are refused', async () => {
  const pax = extended('16 path=another\n').slice(0, 2)
  const comment = extended('20 comment=of a git\n', 'GlobalExtendedHeader').slice(0, 2)
  const label = header({ path: 'label', type: 'TapeVolumeHeader' })
  const long = (type: 'NextFileHasLongPath' | 'NextFileHasLongLinkpath'): readonly Buffer[] => {
    const content = Buffer.alloc(blockBytes)
    content.write('long\0')
    return [header({ path: '././@LongLink', type, size: 5 }), content]
  }
  const file = header({ path: 'a' })
  for (const [what, before] of [
    ['a label behind an extended header', [...pax, label]],
    ['a global header behind an extended one', [...pax, ...comment]],
    ['an extended header behind a long path', [...long('NextFileHasLongPath'), ...pax]],
    ['a long path behind an extended header', [...pax, ...long('NextFileHasLongPath')]],
    ['two extended headers', [...pax, ...pax]],
    ['two long paths', [...long('NextFileHasLongPath'), ...long('NextFileHasLongPath')]],
  ] as const) {
    await assert.rejects(scanBytes(Buffer.concat([...before, file, end])), { code: 'INTEGRITY', message: /different files/ }, what)
  }
  const both = [...long('NextFileHasLongLinkpath'), ...long('NextFileHasLongPath'), file, end]
  assert.deepEqual([...(await scanBytes(Buffer.concat(both))).keys()], ['long'])
})
