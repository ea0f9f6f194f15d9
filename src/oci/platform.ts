import { MirrorError } from '../errors.ts'

/** An operating system and processor: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md#image-index-property-descriptions */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly osVersion?: string
}

const part = /^[a-z0-9][a-z0-9._-]*$/

/** Reads `os/arch[/variant]`, as in `linux/arm64/v8`; throws USAGE. */
export function parsePlatform(text: string): Platform {
  const [os, architecture, variant, ...rest] = text.split('/')
  const parts = variant === undefined ? [os, architecture] : [os, architecture, variant]
  if (os === undefined || architecture === undefined || rest.length > 0 || !parts.every((p) => part.test(p ?? ''))) {
    throw new MirrorError('USAGE', `"${text}" is not a platform`, {
      hint: 'Write os/arch or os/arch/variant, as in linux/amd64 or linux/arm/v7.',
    })
  }
  return variant === undefined ? { os, architecture } : { os, architecture, variant }
}

/** Writes `os/arch[/variant]`; the Windows version, which that form has no place for, is left out. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`
}

/** arm64 without a variant is arm64/v8, and arm without one is arm/v7, as containerd has it. */
function variantOf(platform: Platform): string {
  if (platform.variant !== undefined) return platform.variant
  if (platform.architecture === 'arm64') return 'v8'
  return platform.architecture === 'arm' ? 'v7' : ''
}

/** True when an entry of an index is what was asked for; a wanted `linux/arm` without a variant takes every arm variant. */
export function matchesPlatform(entry: Platform, wanted: Platform): boolean {
  if (entry.os !== wanted.os || entry.architecture !== wanted.architecture) return false
  return wanted.variant === undefined || variantOf(entry) === variantOf(wanted)
}

/** True for two platforms that a node takes for one, as `linux/arm64` and `linux/arm64/v8`; Windows by its version. */
export function isSamePlatform(a: Platform, b: Platform): boolean {
  return a.os === b.os && a.architecture === b.architecture && variantOf(a) === variantOf(b) && a.osVersion === b.osVersion
}
