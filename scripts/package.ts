/** Writes the executables, their bill of materials, notices and checksums into `build/`: `node --import tsx scripts/package.ts [part of a file's name]`. */
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { checkedOutCommit, projectRoot, thirdPartyNotices } from './build-cli.ts'
import { makeBlob } from './package/blob.ts'
import { bundleExecutable } from './package/bundle-executable.ts'
import { embed } from './package/embed.ts'
import { readNodePackage } from './package/node-binary.ts'
import { sbomOf } from './package/sbom.ts'
import { nodeVersion, targets, type Target } from './package/targets.ts'

/** Bytes that no executable may exceed, plain and compressed. */
const [mostBytes, mostCompressed] = [110e6, 45e6]

const directory = join(projectRoot, 'build')
mkdirSync(directory, { recursive: true })

const part = process.argv[2] ?? ''
const wanted = targets.filter(({ file }) => file.includes(part))
if (wanted.length === 0) throw new Error(`no executable has ${part} in its name`)
const own = targets.find(({ platform, arch }) => platform === process.platform && arch === process.arch)
if (own === undefined) throw new Error(`executables cannot be built on ${process.platform} ${process.arch}`)
const read = (target: Target, path: string): Buffer => readNodePackage(target, [path]).get(path) ?? Buffer.alloc(0)

const write = (file: string, content: string | Buffer): void => {
  // A new file, because the old one may be running.
  rmSync(join(directory, file), { force: true })
  writeFileSync(join(directory, file), content)
  console.log(`${file} ${(content.length / 1e6).toFixed(1)} MB`)
}

// Until all files are written, none is valid.
rmSync(join(directory, 'SHA256SUMS'), { force: true })
const bundle = await bundleExecutable(checkedOutCommit())
const blob = makeBlob(read(own, own.binary), bundle)
await Promise.all(
  wanted.map(async (target) => {
    const executable = await embed(target, read(target, target.binary), blob)
    const compressed = await promisify(gzip)(executable)
    if (executable.length > mostBytes || compressed.length > mostCompressed) {
      throw new Error(`${target.file} is too large: ${executable.length} bytes, ${compressed.length} compressed`)
    }
    write(target.file, executable)
    chmodSync(join(directory, target.file), 0o755)
    write(`${target.file}.gz`, compressed)
  }),
)
write('k3s-mirror.cdx.json', sbomOf(bundle.inputs))
const license = `Node.js ${nodeVersion}\n\n${read(own, 'LICENSE').toString().trim()}\n`
write('THIRD-PARTY-NOTICES.txt', `${thirdPartyNotices(bundle.inputs)}\n${'-'.repeat(80)}\n\n${license}`)

const files = [...wanted.flatMap(({ file }) => [file, `${file}.gz`]), 'k3s-mirror.cdx.json', 'THIRD-PARTY-NOTICES.txt']
const sums = files.map(
  (file) =>
    `${createHash('sha256')
      .update(readFileSync(join(directory, file)))
      .digest('hex')}  ${file}\n`,
)
write('SHA256SUMS', sums.join(''))
