/** What an ELF file asks of the machine that it runs on. */
export interface ElfNeeds {
  /** As OCI names it: `amd64` or `arm64`. */
  readonly architecture: string
  /** Path of the program interpreter, as in `/lib64/ld-linux-x86-64.so.2`; undefined in a library. */
  readonly interpreter: string | undefined
  /** Names of shared libraries, as in `libc.so.6`. */
  readonly libraries: readonly string[]
}

const architectures: ReadonlyMap<number, string> = new Map([
  [62, 'amd64'],
  [183, 'arm64'],
])

const segmentTypes = { load: 1, dynamic: 2, interpreter: 3 }
const dynamicTags = { end: 0, needed: 1, strings: 5 }

/** Reads the headers of a 64-bit little-endian ELF file: https://gabi.xinuos.com/elf/07-pheader.html. Throws an Error for any other file. */
export function readElf(file: Buffer, name: string): ElfNeeds {
  const architecture = architectures.get(file.readUInt16LE(18))
  // class 2: 64 bits; data 1: little-endian
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1 || architecture === undefined)
    throw new Error(`${name} is not an executable file for linux/amd64 or linux/arm64`)
  const number = (at: number): number => Number(file.readBigUInt64LE(at))
  const text = (at: number): string => file.toString('latin1', at, file.indexOf(0, at))
  const [start, entrySize, count] = [number(32), file.readUInt16LE(54), file.readUInt16LE(56)]
  const segments = Array.from({ length: count }, (_, index) => {
    const at = start + index * entrySize
    return { type: file.readUInt32LE(at), offset: number(at + 8), address: number(at + 16), size: number(at + 32) }
  })
  const segmentOf = (type: number) => segments.find((segment) => segment.type === type)
  const offsetOf = (address: number): number => {
    const found = segments.find((one) => one.type === segmentTypes.load && address >= one.address && address < one.address + one.size)
    if (found === undefined) throw new Error(`${name}: an address of its dynamic section is outside of its segments`)
    return address - found.address + found.offset
  }
  const dynamic = segmentOf(segmentTypes.dynamic)
  const entries: { readonly tag: number; readonly value: number }[] = []
  for (let at = dynamic?.offset ?? 0; dynamic !== undefined && at < dynamic.offset + dynamic.size; at += 16) {
    const tag = Number(file.readBigInt64LE(at))
    if (tag === dynamicTags.end) break
    entries.push({ tag, value: number(at + 8) })
  }
  const strings = entries.find(({ tag }) => tag === dynamicTags.strings)
  const interpreter = segmentOf(segmentTypes.interpreter)
  return {
    architecture,
    interpreter: interpreter && text(interpreter.offset),
    libraries:
      strings === undefined
        ? []
        : entries.filter(({ tag }) => tag === dynamicTags.needed).map(({ value }) => text(offsetOf(strings.value) + value)),
  }
}
