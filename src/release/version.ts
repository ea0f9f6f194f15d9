import { MirrorError } from '../errors.ts'

/** A K3s release: the Kubernetes version, perhaps a pre-release of it, and K3s' own build of that version. */
export interface K3sVersion {
  readonly major: number
  readonly minor: number
  readonly patch: number
  readonly preRelease?: PreRelease
  /** Absent before v1.16, where tags had no `+k3s` suffix. */
  readonly build?: Build
}

/** The `-rc1` of a tag; `dotted` for `-rc.1`. */
export interface PreRelease {
  readonly stage: Stage
  readonly number: number
  readonly dotted: boolean
}

/** The `+k3s1` of a tag; `dotted` for the early `+k3s.1`. */
export interface Build {
  readonly number: number
  readonly dotted: boolean
}

/** A stage before a release. */
export type Stage = 'alpha' | 'beta' | 'rc'

/** In the order in which they come. */
const stages: readonly Stage[] = ['alpha', 'beta', 'rc']

const number = '(0|[1-9][0-9]{0,5})'
const grammar = new RegExp(`^v${number}\\.${number}\\.${number}(?:-(alpha|beta|rc)(\\.?)${number})?(?:\\+k3s(\\.?)${number})?$`)

/** True for versions whose tags end without `+k3s`: v0.x and v1.0.x were numbered apart from Kubernetes. */
function isUnsuffixed({ major, minor }: K3sVersion): boolean {
  return major === 0 || (major === 1 && minor === 0)
}

/** Parses a release tag; undefined for other text. */
export function readVersion(text: string): K3sVersion | undefined {
  const match = grammar.exec(text)
  if (match === null) return undefined
  const [, major, minor, patch, stage, preDot, pre, buildDot, build] = match
  const version: K3sVersion = {
    major: Number(major),
    minor: Number(minor),
    patch: Number(patch),
    ...(stage !== undefined && { preRelease: { stage: stage as Stage, number: Number(pre), dotted: preDot === '.' } }),
    ...(build !== undefined && { build: { number: Number(build), dotted: buildDot === '.' } }),
  }
  return (version.build === undefined) === isUnsuffixed(version) ? version : undefined
}

/** The hint for text that is not a release tag, with the tag that was probably meant. */
function suggest(text: string): string {
  if (/^v?[0-9]+\.[0-9]+$/.test(text)) {
    const channel = text.startsWith('v') ? text : `v${text}`
    return `pass a tag such as ${channel}.1+k3s1; ${channel} is a channel: the newest release of that minor version`
  }
  const plus = text.trim().replace(/%2b/i, '+').replace(/ /g, '+').replace(/-k3s/, '+k3s')
  const tag = /^[0-9]/.test(plus) ? `v${plus}` : plus
  if (readVersion(tag) !== undefined) {
    const why = /-k3s/.test(text) ? ' Image tags have "-" where release tags have "+".' : ''
    return `Did you mean ${tag}?${why}`
  }
  if (readVersion(`${tag}+k3s1`) !== undefined) return `Did you mean ${tag}+k3s1?`
  if (/rke2/i.test(text)) return 'pass the image list of the RKE2 release with options.images'
  return 'pass a release tag such as v1.37.1+k3s1, or a channel such as stable, latest or v1.36'
}

/** Reads a release tag such as `v1.37.1+k3s1`, `v1.30.0-rc1+k3s1`, `v1.17.0+k3s.1` or `v1.0.1`; throws USAGE with a hint at what was meant. */
export function parseVersion(text: string): K3sVersion {
  const version = readVersion(text)
  if (version !== undefined) return version
  throw new MirrorError('USAGE', `${JSON.stringify(text.slice(0, 100))} is not a K3s release tag`, { hint: suggest(text.slice(0, 100)) })
}

const rke2Grammar = new RegExp(`^v${number}\\.${number}\\.${number}(?:-(?:alpha|beta|rc)\\.?${number})?\\+rke2(?:r${number})?$`)

/** The Kubernetes version of an RKE2 release such as `v1.36.3+rke2r1`, `v1.36.3-rc1+rke2r1` or the older `v1.18.4-beta20+rke2`; undefined for other text. */
export function readRke2Version(text: string): K3sVersion | undefined {
  const [, major, minor, patch] = rke2Grammar.exec(text) ?? []
  return patch === undefined ? undefined : { major: Number(major), minor: Number(minor), patch: Number(patch) }
}

/** Writes the release tag. */
export function formatVersion(version: K3sVersion): string {
  const { major, minor, patch, preRelease, build } = version
  const pre = preRelease === undefined ? '' : `-${preRelease.stage}${preRelease.dotted ? '.' : ''}${preRelease.number}`
  const suffix = build === undefined ? '' : `+k3s${build.dotted ? '.' : ''}${build.number}`
  return `v${major}.${minor}.${patch}${pre}${suffix}`
}

/** Orders releases by age: negative when `a` is older. A pre-release comes before its release, whatever its build. */
export function compareVersions(a: K3sVersion, b: K3sVersion): number {
  const rank = (version: K3sVersion): number[] => {
    const { preRelease } = version
    const stage = preRelease === undefined ? stages.length : stages.indexOf(preRelease.stage)
    return [version.major, version.minor, version.patch, stage, preRelease?.number ?? 0, version.build?.number ?? 0]
  }
  const right = rank(b)
  return (
    rank(a)
      .map((left, index) => left - (right[index] ?? 0))
      .find((difference) => difference !== 0) ?? 0
  )
}

const firstWithList = parseVersion('v1.17.4-alpha1+k3s1')

/** True for releases that carry `k3s-images.txt`: v1.17.4 and everything newer. */
export function hasImageList(version: K3sVersion): boolean {
  return compareVersions(version, firstWithList) >= 0
}

/** What a release is asked for by: its tag, or a channel that points to one. */
export type ReleaseName = { readonly tag: string } | { readonly channel: string }

/** Distinguishes a release tag from a channel name such as `stable`, `v1.36` or `v1.18-testing`; throws USAGE for text that can be neither. */
export function parseReleaseName(text: string): ReleaseName {
  if (/^[a-z][\w-]*(?:\.[0-9]+(?:-[a-z]+)?)?$/i.test(text) && text.length <= 100) return { channel: text }
  return { tag: formatVersion(parseVersion(text)) }
}
