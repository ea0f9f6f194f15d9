import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { signMachO } from '../../scripts/package/sign-mach-o.ts'
import { executableFile, requireServer } from '../servers/require-server.ts'

/** Verifies a signature as the kernel does, page by page: https://github.com/apple-oss-distributions/xnu/blob/main/osfmk/kern/cs_blobs.h */
function verifyPages(code: Uint8Array, signature: Buffer): void {
  assert.deepEqual([signature.readUInt32BE(0), signature.readUInt32BE(4)], [0xfade0cc0, signature.length])
  const directory = signature.subarray(signature.readUInt32BE(16))
  const [magic, length, , flags, hashes, identifier, special, pages, codeLimit] = Array.from({ length: 9 }, (_, index) =>
    directory.readUInt32BE(index * 4),
  ) as [number, number, number, number, number, number, number, number, number]
  assert.deepEqual([magic, length, flags & 2, special, codeLimit], [0xfade0c02, directory.length, 2, 0, code.length])
  assert.equal(directory.toString('latin1', identifier, hashes), 'k3s-mirror\0')
  assert.deepEqual([...directory.subarray(36, 40)], [32, 2, 0, 12])
  assert.equal(pages, Math.ceil(code.length / 4096))
  for (let page = 0; page < pages; page++) {
    const expected = createHash('sha256')
      .update(code.subarray(page * 4096, (page + 1) * 4096))
      .digest()
    assert.ok(directory.subarray(hashes + page * 32, hashes + (page + 1) * 32).equals(expected), `page ${page}`)
  }
  assert.equal(directory.length, hashes + pages * 32)
}

test('signs every page, the last one only up to its end', () => {
  for (const length of [1, 4096, 10_000]) {
    const code = Buffer.from(Array.from({ length }, (_, index) => index % 251))
    verifyPages(code, signMachO(code, 'k3s-mirror', 4096))
  }
})

test('the executable for macOS has a valid signature at the end of its last segment', async (t) => {
  if (!requireServer(t, 'executable')) return
  const file = await readFile(`${dirname(executableFile)}/k3s-mirror-darwin-arm64`)
  let at = 32
  const segments: { name: string; address: number; memory: number; offset: number; size: number; content: Buffer | undefined }[] = []
  let signature = file.subarray(0, 0)
  for (let count = file.readUInt32LE(16); count > 0; count--) {
    const kind = file.readUInt32LE(at)
    if (kind === 0x1d) signature = file.subarray(file.readUInt32LE(at + 8), file.readUInt32LE(at + 8) + file.readUInt32LE(at + 12))
    if (kind === 0x19) {
      const [address, memory, offset, size] = [24, 32, 40, 48].map((field) => Number(file.readBigUInt64LE(at + field))) as [
        number,
        number,
        number,
        number,
      ]
      const hasSection = file.readUInt32LE(at + 64) > 0
      const start = hasSection ? file.readUInt32LE(at + 72 + 48) : 0
      const content = hasSection ? file.subarray(start, start + Number(file.readBigUInt64LE(at + 72 + 40))) : undefined
      segments.push({ name: file.toString('latin1', at + 8, at + 24).replace(/\0+$/, ''), address, memory, offset, size, content })
    }
    at += file.readUInt32LE(at + 4)
  }
  for (const [index, { address, offset }] of segments.entries()) {
    const before = segments[index - 1]
    if (index < 2 || before === undefined) continue
    assert.deepEqual([address, offset], [before.address + before.memory, before.offset + before.size])
  }
  assert.deepEqual(
    segments.slice(-2).map(({ name }) => name),
    ['NODE_SEA', '__LINKEDIT'],
  )
  const links = segments.at(-1)
  assert.equal((links?.offset ?? 0) + (links?.size ?? 0), file.length)
  assert.equal(signature.byteOffset - file.byteOffset + signature.length, file.length)
  assert.equal(segments.at(-2)?.content?.readUInt32LE(0), 0x143da20, 'the section starts as the blob of an application does')
  verifyPages(file.subarray(0, file.length - signature.length), signature)
})
