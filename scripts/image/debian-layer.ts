import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { findFile, type DebianPackage } from './debian-packages.ts'
import { readElf, type ElfNeeds } from './elf.ts'
import type { LayerEntry } from './layer.ts'
import { home, userId } from './program-layer.ts'

const triplets: Readonly<Record<string, string>> = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }

const passwd = ['root:x:0:0:root:/root:/sbin/nologin', `nonroot:x:${userId}:${userId}:nonroot:${home}:/sbin/nologin`, '']
const group = ['root:x:0:', `nonroot:x:${userId}:`, '']
const nsswitch = ['passwd: files', 'group: files', 'hosts: files dns', '']

/** The files that the program runs on: libraries, authorities, users, and the facts by which scanners recognise the packages. */
export async function debianFiles(packages: readonly DebianPackage[], program: ElfNeeds): Promise<readonly LayerEntry[]> {
  const text = (path: string, lines: readonly string[]): LayerEntry => ({ path, bytes: Buffer.from(lines.join('\n')) })
  return [
    text('etc/passwd', passwd),
    text('etc/group', group),
    text('etc/nsswitch.conf', nsswitch),
    { path: 'tmp', mode: 0o1777 },
    { path: 'etc/os-release', bytes: await readNamed(packages, 'os-release') },
    { path: 'etc/ssl/certs/ca-certificates.crt', bytes: await readAuthorities(packages) },
    ...(await readLibraries(packages, program)),
    ...(await Promise.all(packages.map(describePackage))).flat(),
  ]
}

async function describePackage({ name: packageName, root, status }: DebianPackage): Promise<readonly LayerEntry[]> {
  const copyright = `usr/share/doc/${packageName}/copyright`
  return [
    { path: copyright, bytes: await readFile(join(root, copyright)) },
    { path: `var/lib/dpkg/status.d/${packageName}`, bytes: Buffer.from(status) },
  ]
}

async function readNamed(packages: readonly DebianPackage[], fileName: string): Promise<Buffer> {
  const path = findFile(packages, fileName)
  if (path === undefined) throw new Error(`${fileName} is missing in ${packages.map((one) => `${one.name} ${one.version}`).join(', ')}`)
  return readFile(path)
}

/** The authorities of the package, and not those that the machine trusts in addition: a machine's own have no place in an image for others. */
async function readAuthorities(packages: readonly DebianPackage[]): Promise<Buffer> {
  const paths = packages.flatMap(({ root, paths: own }) => own.filter((path) => path.endsWith('.crt')).map((path) => join(root, path)))
  const texts = await Promise.all(paths.toSorted().map((path) => readFile(path, 'latin1')))
  if (texts.length === 0) throw new Error('the package ca-certificates has no certificates')
  return Buffer.from(texts.map((one) => `${one.trim()}\n`).join(''), 'latin1')
}

/** The libraries that the program needs and those that these need; dlopen is not used: name services are part of libc from glibc 2.34 on. */
async function readLibraries(packages: readonly DebianPackage[], program: ElfNeeds): Promise<readonly LayerEntry[]> {
  const { architecture, interpreter = '' } = program
  const directory = `usr/lib/${triplets[architecture]}`
  const found = new Map<string, LayerEntry>()
  const add = async (library: string): Promise<void> => {
    if (found.has(library)) return
    const bytes = await readNamed(packages, library)
    const path = library === basename(interpreter) ? interpreter.slice(1) : `${directory}/${library}`
    found.set(library, { path, bytes, mode: 0o755 })
    for (const needed of readElf(bytes, library).libraries) await add(needed)
  }
  for (const library of [basename(interpreter), ...program.libraries]) await add(library)
  return [...found.values()]
}
