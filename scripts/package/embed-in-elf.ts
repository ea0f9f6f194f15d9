/** Kinds of program headers: https://gabi.xinuos.com/elf/07-pheader.html */
const [loadedSegment, noteSegment] = [1, 4]

/** Where the fields of a 64-bit program header are. */
const field = { offset: 8, address: 16, physicalAddress: 24, sizeInFile: 32, sizeInMemory: 40, alignment: 48 } as const

interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly sizeInFile: number
  readonly sizeInMemory: number
  readonly alignment: number
  /** Changes fields of the program header. */
  write(values: Partial<Record<keyof typeof field, number>>): void
}

function segmentsOf(elf: Buffer): readonly Segment[] {
  if (elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1) throw new Error('not a 64-bit little-endian ELF file')
  const [first, size, count] = [Number(elf.readBigUInt64LE(0x20)), elf.readUInt16LE(0x36), elf.readUInt16LE(0x38)]
  return Array.from({ length: count }, (_, index): Segment => {
    const header = first + size * index
    const read = (name: keyof typeof field): number => Number(elf.readBigUInt64LE(header + field[name]))
    return {
      type: elf.readUInt32LE(header),
      offset: read('offset'),
      address: read('address'),
      sizeInFile: read('sizeInFile'),
      sizeInMemory: read('sizeInMemory'),
      alignment: read('alignment'),
      write: (values) => {
        for (const name of Object.keys(values) as (keyof typeof field)[])
          elf.writeBigUInt64LE(BigInt(values[name] ?? 0), header + field[name])
      },
    }
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
 * Gives an ELF executable with a note of this name and content, which the program finds in its memory, and without all that is never loaded: symbols,
 * debug information, section headers, and space between segments. The note ends the last segment; the segment of notes, which exists already, moves there.
 */
export function embedInElf(executable: Uint8Array, name: string, content: Uint8Array): Buffer {
  const elf = Buffer.from(executable)
  const segments = segmentsOf(elf)
  const loaded = segments.filter(({ type }) => type === loadedSegment)
  const last = loaded.at(-1)
  const [notes, ...more] = segments.filter(({ type }) => type === noteSegment)
  if (last === undefined || notes === undefined || more.length > 0) throw new Error('the ELF file has no single segment of notes')
  const added = Buffer.concat([elf.subarray(notes.offset, notes.offset + notes.sizeInFile), note(name, content)])

  // Section headers describe what is removed: e_shoff, e_shnum and e_shstrndx.
  elf.writeBigUInt64LE(0n, 0x28)
  elf.writeUInt16LE(0, 0x3c)
  elf.writeUInt16LE(0, 0x3e)

  // Headers first, because they are part of the first segment.
  let end = 0
  const places = loaded.map((segment) => {
    // A segment stands in the file at its address, modulo the alignment.
    const distance = (((segment.address - end) % segment.alignment) + segment.alignment) % segment.alignment
    const place = end + distance
    end = place + segment.sizeInFile
    return { segment, place }
  })
  for (const part of segments) {
    const around = places.find(({ segment }) => part.offset >= segment.offset && part.offset < segment.offset + segment.sizeInFile)
    if (around !== undefined) part.write({ offset: part.offset - around.segment.offset + around.place })
  }
  // Memory that the program expects to be zero stands before the note, in the file too.
  const start = Math.ceil(last.sizeInMemory / 16) * 16
  const size = added.length
  const address = last.address + start
  last.write({ sizeInFile: start + size, sizeInMemory: start + size })
  notes.write({ offset: end - last.sizeInFile + start, address, physicalAddress: address, sizeInFile: size, sizeInMemory: size })

  const result = Buffer.alloc(end - last.sizeInFile + start + size)
  for (const { segment, place } of places) result.set(elf.subarray(segment.offset, segment.offset + segment.sizeInFile), place)
  result.set(added, result.length - size)
  return result
}
