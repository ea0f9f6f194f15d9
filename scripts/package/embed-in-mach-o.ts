import { signatureBytes, signMachO } from './sign-mach-o.ts'

/** Kinds of load commands: https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/loader.h */
const kind = {
  segment: 0x19,
  symbols: 0x2,
  dynamicSymbols: 0xb,
  dyldInfo: 0x80000022,
  functionStarts: 0x26,
  dataInCode: 0x29,
  signature: 0x1d,
}

const headerBytes = 32
const segmentBytes = 72
const sectionBytes = 80
const symbolBytes = 16
/** The pages of macOS on arm64. */
const pageBytes = 0x4000
const readOnly = 1

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit
}

interface LoadCommand {
  readonly kind: number
  readonly at: number
  readonly size: number
}

function commandsOf(file: Buffer): readonly LoadCommand[] {
  if (file.readUInt32LE(0) !== 0xfeedfacf || file.readUInt32LE(4) !== 0x0100000c) throw new Error('not a Mach-O file for arm64')
  const commands: LoadCommand[] = []
  let at = headerBytes
  for (let count = file.readUInt32LE(16); count > 0; count--) {
    const size = file.readUInt32LE(at + 4)
    commands.push({ kind: file.readUInt32LE(at), at, size })
    at += size
  }
  return commands
}

function nameAt(file: Buffer, at: number): string {
  return file.toString('latin1', at, at + 16).replace(/\0.*$/, '')
}

interface Symbols {
  readonly table: Buffer
  readonly indirect: Buffer
  readonly strings: Buffer
  readonly defined: number
  readonly undefined: number
}

/** The symbols without the local ones, which only debuggers read. */
function withoutLocalSymbols(file: Buffer, symbols: LoadCommand, dynamic: LoadCommand): Symbols {
  const [tableAt, , stringsAt] = [8, 12, 16].map((at) => file.readUInt32LE(symbols.at + at)) as [number, number, number]
  const [firstLocal, locals, firstDefined, defined, firstUndefined, undefinedCount] = [8, 12, 16, 20, 24, 28].map((at) =>
    file.readUInt32LE(dynamic.at + at),
  ) as [number, number, number, number, number, number]
  if (firstLocal !== 0 || firstDefined !== locals || firstUndefined !== locals + defined)
    throw new Error('the symbols are in an unexpected order')
  const table = Buffer.from(file.subarray(tableAt + locals * symbolBytes, tableAt + (locals + defined + undefinedCount) * symbolBytes))
  const strings: Buffer[] = [Buffer.from(' \0')]
  let length = 2
  for (let at = 0; at < table.length; at += symbolBytes) {
    const from = stringsAt + table.readUInt32LE(at)
    const name = file.subarray(from, file.indexOf(0, from) + 1)
    table.writeUInt32LE(length, at)
    strings.push(name)
    length += name.length
  }
  const [indirectAt, indirectCount] = [file.readUInt32LE(dynamic.at + 56), file.readUInt32LE(dynamic.at + 60)]
  const indirect = Buffer.from(file.subarray(indirectAt, indirectAt + indirectCount * 4))
  for (let at = 0; at < indirect.length; at += 4) {
    const index = indirect.readUInt32LE(at)
    // The two highest bits mark local and absolute symbols, which have no index.
    if (index < 0x40000000) indirect.writeUInt32LE(index < locals ? 0x80000000 : index - locals, at)
  }
  return { table, indirect, strings: Buffer.concat(strings), defined, undefined: undefinedCount }
}

/** The load command of a segment with one section, which has its name after two underscores. */
function segmentCommand(segment: string, section: string, address: number, offset: number, size: number): Buffer {
  const command = Buffer.alloc(segmentBytes + sectionBytes)
  command.writeUInt32LE(kind.segment, 0)
  command.writeUInt32LE(command.length, 4)
  command.write(segment, 8)
  const [memory, inFile] = [roundUp(size, pageBytes), roundUp(size, pageBytes)]
  for (const [index, value] of [address, memory, offset, inFile].entries()) command.writeBigUInt64LE(BigInt(value), 24 + index * 8)
  for (const [index, value] of [readOnly, readOnly, 1, 0].entries()) command.writeUInt32LE(value, 56 + index * 4)
  command.write(`__${section}`, segmentBytes)
  command.write(segment, segmentBytes + 16)
  command.writeBigUInt64LE(BigInt(address), segmentBytes + 32)
  command.writeBigUInt64LE(BigInt(size), segmentBytes + 40)
  command.writeUInt32LE(offset, segmentBytes + 48)
  command.writeUInt32LE(2, segmentBytes + 52)
  return command
}

/** Gives a Mach-O executable for arm64 with this content in the section `__<section>` of a segment, without local symbols, and with an ad-hoc signature. */
export function embedInMachO(executable: Uint8Array, segment: string, section: string, content: Uint8Array, identifier: string): Buffer {
  const file = Buffer.from(executable)
  const commands = commandsOf(file)
  const find = (wanted: number, name?: string): LoadCommand => {
    const found = commands.find((one) => one.kind === wanted && (name === undefined || nameAt(file, one.at + 8) === name))
    if (found === undefined) throw new Error(`the Mach-O file has no load command ${wanted.toString(16)} ${name ?? ''}`)
    return found
  }
  const [text, links, symbols, dynamic] = [
    find(kind.segment, '__TEXT'),
    find(kind.segment, '__LINKEDIT'),
    find(kind.symbols),
    find(kind.dynamicSymbols),
  ]
  const [linksAddress, linksAt] = [24, 40].map((at) => Number(file.readBigUInt64LE(links.at + at))) as [number, number]
  const added = segmentCommand(segment, section, linksAddress, linksAt, content.length)
  const last = commands.at(-1)
  const end = last === undefined ? headerBytes : last.at + last.size
  const firstSection = file.readUInt32LE(text.at + segmentBytes + 48)
  if (end + added.length > firstSection) throw new Error('the Mach-O file has no space for another load command')

  const kept = withoutLocalSymbols(file, symbols, dynamic)
  const shift = roundUp(content.length, pageBytes)
  const write = (command: LoadCommand, at: number, value: number): void => void file.writeUInt32LE(value, command.at + at)
  const tableAt = file.readUInt32LE(symbols.at + 8)
  const indirectAt = tableAt + kept.table.length
  const stringsAt = indirectAt + kept.indirect.length
  const signatureAt = roundUp(stringsAt + kept.strings.length, 16)
  // All before the symbols stays, behind the new segment.
  const dyldInfo = find(kind.dyldInfo)
  for (const at of [8, 16, 24, 32, 40]) write(dyldInfo, at, file.readUInt32LE(dyldInfo.at + at) + shift)
  for (const one of [find(kind.functionStarts), find(kind.dataInCode)]) write(one, 8, file.readUInt32LE(one.at + 8) + shift)
  write(symbols, 8, tableAt + shift)
  write(symbols, 12, kept.defined + kept.undefined)
  write(symbols, 16, stringsAt + shift)
  write(symbols, 20, kept.strings.length)
  for (const [index, value] of [0, 0, 0, kept.defined, kept.defined, kept.undefined].entries()) write(dynamic, 8 + index * 4, value)
  write(dynamic, 56, indirectAt + shift)
  const size = signatureBytes(signatureAt + shift, identifier)
  const signature = find(kind.signature)
  write(signature, 8, signatureAt + shift)
  write(signature, 12, size)
  const linksBytes = signatureAt + size - linksAt
  const linksValues = [linksAddress + shift, roundUp(linksBytes, pageBytes), linksAt + shift, linksBytes]
  for (const [index, value] of linksValues.entries()) file.writeBigUInt64LE(BigInt(value), links.at + 24 + index * 8)

  // The last segment stays the one that holds the signature.
  file.copyWithin(links.at + added.length, links.at, end)
  file.set(added, links.at)
  file.writeUInt32LE(commands.length + 1, 16)
  file.writeUInt32LE(end + added.length - headerBytes, 20)
  const code = Buffer.alloc(signatureAt + shift)
  code.set(file.subarray(0, linksAt))
  code.set(content, linksAt)
  code.set(file.subarray(linksAt, tableAt), linksAt + shift)
  for (const [bytes, at] of [
    [kept.table, tableAt],
    [kept.indirect, indirectAt],
    [kept.strings, stringsAt],
  ] as const)
    code.set(bytes, at + shift)
  return Buffer.concat([code, signMachO(code, identifier, Number(file.readBigUInt64LE(text.at + 48)))])
}
