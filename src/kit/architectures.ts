import { MirrorError } from '../errors.ts'

/** Architectures of nodes in the words of K3s' release files. */
export const architectures = ['amd64', 'arm64', 'arm', 's390x'] as const

/** One of them. */
export type Architecture = (typeof architectures)[number]

/** Other names of architectures: those of `uname -m`, Debian and platforms. */
const aliases: Readonly<Record<string, Architecture>> = {
  x86_64: 'amd64',
  aarch64: 'arm64',
  armhf: 'arm',
  armv7l: 'arm',
  'linux/amd64': 'amd64',
  'linux/arm64': 'arm64',
  'linux/arm': 'arm',
  'linux/arm/v7': 'arm',
  'linux/s390x': 's390x',
}

/** Reads names of architectures, each once; throws USAGE for others. */
export function parseArchitectures(names: readonly string[]): readonly Architecture[] {
  const read = new Set<Architecture>()
  for (const name of names) {
    const known = architectures.find((one) => one === name) ?? aliases[name]
    if (known === undefined) {
      throw new MirrorError('USAGE', `invalid value "${name}" for options.architectures: expected ${architectures.join(', ')}`)
    }
    read.add(known)
  }
  return architectures.filter((one) => read.has(one))
}

/** The binary of K3s for an architecture, among the files of a release. */
export const binaryNames: Readonly<Record<Architecture, string>> = {
  amd64: 'k3s',
  arm64: 'k3s-arm64',
  arm: 'k3s-armhf',
  s390x: 'k3s-s390x',
}

/** The file of a release with the checksums of what is for an architecture. */
export function checksumFileOf(architecture: string): string {
  return `sha256sum-${architecture}.txt`
}

/** The platform that nodes of an architecture pull; of images that are only for `arm/v6`, such as traefik, `arm/v7` nodes pull that. */
export const nodePlatforms: Readonly<Record<Architecture, string>> = {
  amd64: 'linux/amd64',
  arm64: 'linux/arm64',
  arm: 'linux/arm/v7',
  s390x: 'linux/s390x',
}
