import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'postject'
import { embedInElf } from './embed-in-elf.ts'
import { embedInMachO } from './embed-in-mach-o.ts'
import type { Target } from './targets.ts'

/** Where Node looks for the application in its own file: https://nodejs.org/docs/latest-v22.x/api/single-executable-applications.html */
const resource = 'NODE_SEA_BLOB'
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

/** A copy of Node that looks for the application when it starts. */
function withFuse(node: Buffer): Buffer {
  const copy = Buffer.from(node)
  const at = copy.indexOf(`${fuse}:0`)
  if (at === -1 || copy.includes(fuse, at + 1)) throw new Error('this Node cannot become a single executable')
  copy.write('1', at + fuse.length + 1)
  return copy
}

/** A PE file without its Authenticode signature, which any change invalidates: https://learn.microsoft.com/windows/win32/debug/pe-format */
function withoutSignature(node: Buffer): Buffer {
  const pe = Buffer.from(node)
  const header = pe.readUInt32LE(0x3c)
  if (pe.toString('latin1', header, header + 4) !== 'PE\0\0' || pe.readUInt16LE(header + 24) !== 0x20b)
    throw new Error('not a 64-bit PE file')
  const entry = header + 24 + 112 + 4 * 8
  const [at, size] = [pe.readUInt32LE(entry), pe.readUInt32LE(entry + 4)]
  pe.fill(0, entry, entry + 8)
  // The checksum, which only drivers need: 0 stands for a file without it.
  pe.writeUInt32LE(0, header + 24 + 64)
  if (size > 0 && at + size !== pe.length) throw new Error('the signature of the PE file is not at its end')
  return size > 0 ? pe.subarray(0, at) : pe
}

async function embedInPe(node: Buffer, blob: Buffer): Promise<Buffer> {
  const directory = mkdtempSync(join(tmpdir(), 'k3s-mirror-package-'))
  try {
    const file = join(directory, 'node.exe')
    writeFileSync(file, withoutSignature(node))
    await inject(file, resource, blob, { sentinelFuse: fuse })
    return readFileSync(file)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Makes one executable file of a target's Node and the application. */
export async function embed({ platform }: Target, node: Buffer, blob: Buffer): Promise<Buffer> {
  if (platform === 'win32') return embedInPe(node, blob)
  if (platform === 'darwin') return embedInMachO(withFuse(node), 'NODE_SEA', resource, blob, 'k3s-mirror')
  return embedInElf(withFuse(node), resource, blob)
}
