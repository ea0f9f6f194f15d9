import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { Archive } from '../../src/bundle/archive.ts'
import { detectUnsupported } from '../../src/bundle/compression.ts'
import { openImageArchive } from '../../src/bundle/open-image-archive.ts'
import { findProgram } from '../servers/require-server.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { packTar } from './bundle-files.ts'
import { dockerSave } from './foreign-files.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

for (const [name, bytes, file, command] of [
  ['xz', 'fd377a585a00 0004', 'k3s.tar.xz', /xz -dc \S+k3s\.tar\.xz > \S+k3s\.tar$/],
  ['lz4', '04224d18 6440a7', 'k3s.tar.lz4', /lz4 -d \S+k3s\.tar\.lz4 \S+k3s\.tar$/],
  ['lz4', '02214c18 1234', 'k3s', /lz4 -d \S+k3s \S+k3s\.tar$/],
  ['bzip2', '425a6839 314159265359', 'k3s.tbz', /bzip2 -dc \S+k3s\.tbz > \S+k3s\.tar$/],
  ['bzip2', '425a6831 177245385090', 'k3s.tar.bz2', /bzip2 -dc \S+k3s\.tar\.bz2 > \S+k3s\.tar$/],
  ['lzma', '5d00008000 ffffffffffffffff', 'k3s.tar.lzma', /xz --format=lzma -dc/],
  ['lzip', '4c5a495001', 'k3s.tar.lz', /lzip -dc/],
  ['lzop', '894c5a4f000d0a1a0a', 'k3s.tar.lzo', /lzop -dc/],
  ['compress', '1f9d90', 'k3s.tar.Z', /gzip -dc \S+k3s\.tar\.Z > \S+k3s\.tar$/],
  ['zip', '504b0304', 'the images.zip', /unzip -p '\S+the images\.zip' > '\S+the images'$/],
  ['7z', '377abcaf271c', 'k3s.7z', /7z e -so/],
  ['rar', '526172211a07', 'k3s.rar', /unrar p -inul/],
] as const) {
  test(`an archive in ${name}, ${file}, is refused by the name of its compression, with the command that decompresses it`, async () => {
    await using directory = await tempDir()
    const path = await directory.write(file, Buffer.concat([hex(bytes), Buffer.alloc(1000)]))
    await assert.rejects(Archive.open(path), { code: 'UNSUPPORTED', message: new RegExp(`is compressed with ${name}`), hint: command })
  })
}

test('what the programs that are installed compress is recognised', () => {
  for (const program of ['xz', 'lz4', 'bzip2'].filter(findProgram)) {
    assert.equal(detectUnsupported(execFileSync(program, ['-c'], { input: Buffer.alloc(10_000, 'x') }))?.name, program)
  }
})

test('a tar archive whose first file has the name that a compressed file begins with is a tar archive', async () => {
  for (const name of [']', 'BZh9', 'LZIP', 'PK', '7z', 'Rar!']) {
    await using packed = await packTar({ [name]: 'content' })
    await using archive = await Archive.open(packed.path)
    assert.equal((await archive.find(name))?.size, 7)
  }
})

test('a layer of docker save in such a compression is refused by its name', async () => {
  const layer = Buffer.concat([hex('fd377a585a00 0004'), Buffer.alloc(1000)])
  await using packed = await packTar(dockerSave({ tags: ['site/tool:1'], layers: [layer] }))
  await assert.rejects(openImageArchive(packed.path), {
    code: 'UNSUPPORTED',
    message: /the layer [0-9a-f]{64}\/layer\.tar is compressed with xz: nodes unpack only gzip and zstd/,
  })
})
