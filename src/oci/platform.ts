import { MirrorError } from '../errors.ts'

/** An operating system and processor: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md#image-index-property-descriptions */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly osVersion?: string
}

/** A processor by its one name; `variant` is empty for the usual one: amd64/v1, arm64/v8. */
type Processor = Required<Pick<Platform, 'architecture' | 'variant'>>

const component = /^[a-z0-9][a-z0-9._-]*$/

/** Reads `os/arch[/variant]`, as in `linux/arm64/v8`, aliases such as `linux/x86_64` too; throws USAGE. */
export function parsePlatform(text: string): Platform {
  const components = text.toLowerCase().split('/')
  const [os = '', architecture = '', variant] = components
  if (components.length < 2 || components.length > 3 || !components.every((one) => component.test(one))) {
    throw new MirrorError('USAGE', `"${text}" is not a platform`, {
      hint: 'pass os/arch or os/arch/variant, as in linux/amd64 or linux/arm/v7',
    })
  }
  const processor = normaliseProcessor(architecture, variant)
  const written = { os: normaliseOs(os), architecture: processor.architecture }
  // The usual variant stays written, or left out, as it was.
  if (processor.architecture === 'arm' && processor.variant === 'v7' && variant === undefined) return written
  if (processor.architecture === 'arm64' && processor.variant === '' && variant !== undefined) return { ...written, variant: 'v8' }
  return processor.variant === '' ? written : { ...written, variant: processor.variant }
}

/** Writes `os/arch[/variant]`; the Windows version, which that form lacks, is left out. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`
}

/** The entries that a node of the platform pulls, all of the best match: https://github.com/containerd/platforms/blob/v1.0.0-rc.4/compare.go */
export function pickEntries<T extends { readonly platform?: Platform | undefined }>(entries: readonly T[], wanted: Platform): readonly T[] {
  const os = normaliseOs(wanted.os)
  const order = compatible(normaliseProcessor(wanted.architecture, wanted.variant)).map(keyOf)
  const ranks = entries.map(({ platform }) =>
    platform === undefined || normaliseOs(platform.os) !== os
      ? -1
      : order.indexOf(keyOf(normaliseProcessor(platform.architecture, platform.variant))),
  )
  const best = Math.min(...ranks.filter((rank) => rank >= 0))
  return entries.filter((_, index) => ranks[index] === best)
}

/** True where a node of the wanted platform runs an image for this one. */
export function matchesPlatform(platform: Platform, wanted: Platform): boolean {
  return pickEntries([{ platform }], wanted).length > 0
}

/** True for `unknown/unknown`, by which an index lists what no node runs, such as attestations. */
export function isUnknownPlatform({ os, architecture }: Platform): boolean {
  return os === 'unknown' || architecture === 'unknown'
}

/** True for two names of one platform, as `linux/arm64`, `linux/arm64/v8` and `linux/aarch64`; Windows by its version. */
export function isSamePlatform(a: Platform, b: Platform): boolean {
  const key = ({ os, architecture, variant, osVersion = '' }: Platform): string =>
    `${normaliseOs(os)}/${keyOf(normaliseProcessor(architecture, variant))} ${osVersion}`
  return key(a) === key(b)
}

function keyOf({ architecture, variant }: Processor): string {
  return `${architecture}/${variant}`
}

function normaliseOs(os: string): string {
  const lower = os.toLowerCase()
  return lower === 'macos' ? 'darwin' : lower
}

/** https://github.com/containerd/platforms/blob/v1.0.0-rc.4/database.go */
function normaliseProcessor(name: string, version = ''): Processor {
  const [architecture, variant] = [name.toLowerCase(), version.toLowerCase()]
  switch (architecture) {
    case 'i386':
      return { architecture: '386', variant: '' }
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return { architecture: 'amd64', variant: variant === 'v1' ? '' : variant }
    case 'aarch64':
    case 'arm64':
      if (['8', 'v8', 'v8.0'].includes(variant)) return { architecture: 'arm64', variant: '' }
      return { architecture: 'arm64', variant: ['9', '9.0', 'v9.0'].includes(variant) ? 'v9' : variant }
    case 'armhf':
      return { architecture: 'arm', variant: 'v7' }
    case 'armel':
      return { architecture: 'arm', variant: 'v6' }
    case 'arm':
      return { architecture, variant: variant === '' ? 'v7' : variant.replace(/^[5-8]$/, 'v$&') }
    default:
      return { architecture, variant }
  }
}

/** What a processor runs, the best first. */
function compatible(own: Processor): readonly Processor[] {
  switch (own.architecture) {
    case 'amd64':
      return [own, ...lower(own, 1), { architecture: '386', variant: '' }]
    case 'arm':
      return [own, ...lower(own, 5)]
    case 'arm64':
      return [own, ...compatibleArm64(own.variant)]
    default:
      return [own]
  }
}

/** The variants below one, `v3` → `v2`, `v1`, down to the least. */
function lower({ architecture, variant }: Processor, least: number): readonly Processor[] {
  const version = Number(/^v?([0-9]{1,2})$/.exec(variant)?.[1] ?? least)
  return Array.from({ length: Math.max(0, version - least) }, (_, below) => normaliseProcessor(architecture, `v${version - 1 - below}`))
}

/** Arm v9.x includes v8.(x+5), and all of them run 32-bit programs of v8 and below. */
function compatibleArm64(variant: string): readonly Processor[] {
  const [, major, minor = '0'] = /^v(8|9)(?:\.([1-9]))?$/.exec(variant === '' ? 'v8' : variant) ?? []
  if (major === undefined) return []
  const versions = (of: number, from: number): readonly Processor[] =>
    Array.from({ length: from + 1 }, (_, below) => normaliseProcessor('arm64', `v${of}.${from - below}`))
  const v8 = versions(8, major === '9' ? Math.min(Number(minor) + 5, 9) : Number(minor))
  return [...(major === '9' ? versions(9, Number(minor)) : []), ...v8, ...compatible({ architecture: 'arm', variant: 'v8' })]
}
