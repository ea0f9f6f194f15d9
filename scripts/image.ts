/**
 * Makes the container image: `npm run image -- [--platform linux/amd64,…] [--base <image>] [--name <reference>] [--out <file>]`. It packs the executables of
 * `npm run package` on Debian's libraries, or on another base, into one OCI layout for all platforms. The same files and packages give the same bytes.
 */
import { spawnSync } from 'node:child_process'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { parsePlatform, type Platform } from '../src/oci/platform.ts'
import { formatReference, parseReference } from '../src/oci/reference.ts'
import { checkedOutCommit, projectRoot } from './build-cli.ts'
import { openBase, type OpenedBase } from './image/base-image.ts'
import { debianFiles } from './image/debian-layer.ts'
import { findDebianPackages } from './image/debian-packages.ts'
import { readElf } from './image/elf.ts'
import { makeLayer, packFiles } from './image/layer.ts'
import { describeSize, makeIndex, makePlatformImage, pulledBytes, type ImageFacts } from './image/platform-image.ts'
import { programFiles, readBuilt } from './image/program-layer.ts'
import { writeArchive } from './image/write-archive.ts'

/** Bytes that a node may have to pull for one platform, when the base is Debian's packages. */
const maxPulledBytes = 50e6

const { version, description, license } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8')) as Record<string, string>

const { values: options } = parseArgs({
  options: {
    platform: { type: 'string', default: 'linux/amd64,linux/arm64' },
    base: { type: 'string' },
    // only Docker publishes in docker.io/library: the name never leads to an image of someone else
    name: { type: 'string', default: `docker.io/library/k3s-mirror:${version}` },
    out: { type: 'string', default: join(projectRoot, 'build/k3s-mirror-image.tar') },
  },
})

/** The commit of this checkout, and its time or SOURCE_DATE_EPOCH; outside of one, 1970. */
function readFacts(base: OpenedBase | undefined): ImageFacts {
  const commit = checkedOutCommit()
  const time = commit && spawnSync('git', ['show', '--no-patch', '--format=%ct', 'HEAD'], { cwd: projectRoot, encoding: 'utf8' }).stdout
  const seconds = Number(process.env['SOURCE_DATE_EPOCH'] ?? time ?? 0)
  const prefix = 'org.opencontainers.image'
  return {
    created: new Date(seconds * 1000).toISOString().replace('.000Z', 'Z'),
    labels: {
      [`${prefix}.title`]: 'k3s-mirror',
      [`${prefix}.description`]: description ?? '',
      [`${prefix}.version`]: version ?? '',
      [`${prefix}.licenses`]: license ?? '',
      ...(commit !== undefined && { [`${prefix}.revision`]: commit }),
      ...(base?.name !== undefined && { [`${prefix}.base.name`]: base.name }),
      ...(base && { [`${prefix}.base.digest`]: base.digest }),
    },
  }
}

async function makeImage(platform: Platform, base: OpenedBase | undefined, facts: ImageFacts) {
  const file = `build/k3s-mirror-${platform.os}-${platform.architecture}`
  const program = await readBuilt(file, 'npm run package')
  const needs = readElf(program, file)
  if (needs.architecture !== platform.architecture) throw new Error(`${file} is an executable for ${needs.architecture}`)
  const own = { ...(await makeLayer(packFiles(await programFiles(program)))), note: `k3s-mirror ${version}` }
  if (base !== undefined) return makePlatformImage(platform, [own], await base.forPlatform(platform), facts)
  const packages = await findDebianPackages(platform.architecture, join(projectRoot, 'build'))
  const note = packages.map((one) => `${one.name} ${one.version}`).join(', ')
  const libraries = { ...(await makeLayer(packFiles(await debianFiles(packages, needs)))), note }
  const image = makePlatformImage(platform, [libraries, own], undefined, facts)
  if (pulledBytes(image) > maxPulledBytes) throw new Error(`${describeSize(image)} is more than ${maxPulledBytes / 1e6} MB`)
  return image
}

const reference = parseReference(options.name)
await using base = options.base === undefined ? undefined : await openBase(options.base)
const facts = readFacts(base)
const platforms = options.platform.split(',').map(parsePlatform)
const images = await Promise.all(platforms.map((platform) => makeImage(platform, base, facts)))
const index = makeIndex(images, facts)
await mkdir(dirname(options.out), { recursive: true })
await writeArchive(options.out, { reference, index, images })
const { size } = await stat(options.out)
process.stdout.write(`${options.out}: ${formatReference(reference)}@${index.descriptor.digest}, ${(size / 1e6).toFixed(1)} MB\n`)
for (const image of images) process.stdout.write(`  ${describeSize(image)}\n`)
