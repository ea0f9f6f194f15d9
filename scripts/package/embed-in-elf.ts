/** Kinds of program headers: https://gabi.xinuos.com/elf/07-pheader.html */
const [loadedSegment, noteSegment] = [1, 4]

interface Segment {
  /** Where its program header stands in the file. */
  readonly header: number
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly sizeInFile: number
  readonly sizeInMemory: number
}

function segmentsOf(elf: Buffer): readonly Segment[] {
  if (elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1) throw new Error('not a 64-bit little-endian ELF file')
  const [first, size, count] = [Number(elf.readBigUInt64LE(0x20)), elf.readUInt16LE(0x36), elf.readUInt16LE(0x38)]
  return Array.from({ length: count }, (_, index) => {
    const header = first + size * index
    const [offset, address, , sizeInFile, sizeInMemory] = [8, 16, 24, 32, 40].map((at) => Number(elf.readBigUInt64LE(header + at)))
    return { header, type: elf.readUInt32LE(header), offset, address, sizeInFile, sizeInMemory } as Segment
  })
}

/** A note: lengths, type 0, name and content, each padded to 4 bytes. https://gabi.xinuos.com/elf/07-pheader.html#note-sections */
function note(name: string, content: Uint8Array): Buffer {
  const padded = (length: number): number => Math.ceil(length / 4) * 4
  const result = Buffer.alloc(12 + padded(name.length + 1) + padded(content.length))
  result.writeUInt32LE(name.length + 1, 0)
  result.writeUInt32LE(content.length, 4)
  result.write(name, 12)
  result.set(content, 12 + padded(name.length + 1))
  return result
}

/**
 * Gives an ELF executable without symbols and debug information, and with a note of this name and content, which the program reads from its memory.
 * The note ends the last loaded segment; the segment of notes, which has a program header already, moves there.
 */
export function embedInElf(executable: Uint8Array, name: string, content: Uint8Array): Buffer {
  const elf = Buffer.from(executable)
  const segments = segmentsOf(elf)
  const last = segments.findLast(({ type }) => type === loadedSegment)
  const [notes, ...more] = segments.filter(({ type }) => type === noteSegment)
  if (last === undefined || notes === undefined || more.length > 0) throw new Error('the ELF file has no single segment of notes')

  const added = Buffer.concat([elf.subarray(notes.offset, notes.offset + notes.sizeInFile), note(name, content)])
  // Memory that the program expects to be zero stands before the notes, in the file too.
  const start = Math.ceil(last.sizeInMemory / 16) * 16
  const zeros = Buffer.alloc(start - last.sizeInFile)
  const writeSegment = ({ header }: Segment, values: Readonly<Record<number, number>>): void => {
    for (const [at, value] of Object.entries(values)) elf.writeBigUInt64LE(BigInt(value), header + Number(at))
  }
  const [offset, address, size] = [last.offset + start, last.address + start, added.length]
  writeSegment(last, { 32: start + size, 40: start + size })
  writeSegment(notes, { 8: offset, 16: address, 24: address, 32: size, 40: size })
  // Section headers describe what is removed: e_shoff, e_shnum and e_shstrndx.
  elf.writeBigUInt64LE(0n, 0x28)
  elf.writeUInt16LE(0, 0x3c)
  elf.writeUInt16LE(0, 0x3e)
  return Buffer.concat([elf.subarray(0, last.offset + last.sizeInFile), zeros, added])
}
