/** Writes the executables and their checksums into `build/`: `node --import tsx scripts/package.ts [part of a file's name]`. */
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkedOutCommit, projectRoot } from './build-cli.ts'
import { makeBlob } from './package/blob.ts'
import { bundleExecutable } from './package/bundle-executable.ts'
import { embedInElf } from './package/embed-in-elf.ts'
import { readNodePackage } from './package/node-binary.ts'
import { targets } from './package/targets.ts'

const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:'

/** A copy of Node that looks for a blob when it starts. */
function lit(node: Buffer): Buffer {
  const copy = Buffer.from(node)
  const at = copy.indexOf(`${fuse}0`)
  if (at === -1) throw new Error('this Node cannot become an executable')
  copy.write('1', at + fuse.length)
  return copy
}

const build = join(projectRoot, 'build')
mkdirSync(build, { recursive: true })
const own = targets.find(({ platform, arch }) => platform === process.platform && arch === process.arch)
if (own === undefined) throw new Error(`executables cannot be built on ${process.platform} ${process.arch}`)
const bundle = await bundleExecutable(checkedOutCommit())
const binaryOf = (target: typeof own): Buffer => readNodePackage(target, [target.binary]).get(target.binary) ?? Buffer.alloc(0)
const blob = makeBlob(binaryOf(own), bundle)
const sums: string[] = []
for (const target of targets.filter(({ file }) => file.includes(process.argv[2] ?? ''))) {
  const executable = embedInElf(lit(binaryOf(target)), 'NODE_SEA_BLOB', blob)
  writeFileSync(join(build, target.file), executable)
  chmodSync(join(build, target.file), 0o755)
  sums.push(`${createHash('sha256').update(executable).digest('hex')}  ${target.file}\n`)
}
writeFileSync(join(build, 'SHA256SUMS'), sums.join(''))
