import { createHash } from 'node:crypto'

/** Numbers of Apple's cs_blobs.h: https://github.com/apple-oss-distributions/xnu/blob/main/osfmk/kern/cs_blobs.h */
const magic = { signature: 0xfade0cc0, codeDirectory: 0xfade0c02 } as const
const version = 0x20400
/** Ad hoc, and made by what wrote the file, as linkers sign on arm64. */
const flags = 0x20002
const sha256 = 2
const mainBinary = 1n

const pageBits = 12
const hashBytes = 32
const superBlobBytes = 20
const directoryBytes = 88

function hashOffset(identifier: string): number {
  return directoryBytes + identifier.length + 1
}

/** The size in bytes of the signature of a file whose first `codeBytes` bytes are signed. */
export function signatureBytes(codeBytes: number, identifier: string): number {
  return superBlobBytes + hashOffset(identifier) + Math.ceil(codeBytes / 2 ** pageBits) * hashBytes
}

/** An ad-hoc signature of a whole Mach-O file up to the signature: a code directory with the SHA-256 of each page. `textBytes` is the size of the segment __TEXT. */
export function signMachO(code: Uint8Array, identifier: string, textBytes: number): Buffer {
  const signature = Buffer.alloc(signatureBytes(code.length, identifier))
  signature.writeUInt32BE(magic.signature, 0)
  signature.writeUInt32BE(signature.length, 4)
  // One blob, of type 0, behind this header.
  signature.writeUInt32BE(1, 8)
  signature.writeUInt32BE(superBlobBytes, 16)

  const directory = signature.subarray(superBlobBytes)
  const pages = Math.ceil(code.length / 2 ** pageBits)
  const numbers = [magic.codeDirectory, directory.length, version, flags, hashOffset(identifier), directoryBytes, 0, pages, code.length]
  for (const [index, value] of numbers.entries()) directory.writeUInt32BE(value, index * 4)
  directory.set([hashBytes, sha256, 0, pageBits], 36)
  directory.writeBigUInt64BE(BigInt(textBytes), 72)
  directory.writeBigUInt64BE(mainBinary, 80)
  directory.write(identifier, directoryBytes)
  for (let page = 0; page < pages; page++) {
    const bytes = code.subarray(page << pageBits, (page + 1) << pageBits)
    directory.set(createHash('sha256').update(bytes).digest(), hashOffset(identifier) + page * hashBytes)
  }
  return signature
}
