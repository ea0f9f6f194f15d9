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
  const read = names.map((name) => {
    const known = architectures.find((one) => one === name) ?? aliases[name]
    if (known !== undefined) return known
    throw new MirrorError('USAGE', `invalid value "${name}" for options.architectures: expected ${architectures.join(', ')}`)
  })
  return architectures.filter((one) => read.includes(one))
}

/** The binary of K3s for an architecture, among the files of a release. */
export const binaryNames: Readonly<Record<Architecture, string>> = {
  amd64: 'k3s',
  arm64: 'k3s-arm64',
  arm: 'k3s-armhf',
  s390x: 'k3s-s390x',
}

/** The platforms that nodes of an architecture pull; some images of K3s, such as traefik, are only for `arm/v6`. */
export const platformsOf: Readonly<Record<Architecture, readonly string[]>> = {
  amd64: ['linux/amd64'],
  arm64: ['linux/arm64'],
  arm: ['linux/arm/v7', 'linux/arm/v6'],
  s390x: ['linux/s390x'],
}
