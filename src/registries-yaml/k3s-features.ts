import type { K3sVersion } from '../release/version.ts'

type Version = readonly [major: number, minor: number, patch: number]

/** What not every version of K3s has, as far as a registries.yaml shows it. */
export type K3sFeature =
  | 'registries-yaml'
  | 'insecure-skip-verify'
  | 'rewrite'
  | 'hosts-toml'
  | 'wildcard'
  | 'config-version-3'
  | 'docker-io-credentials'

// The first version of each minor that has it; a minor without an entry has it from its beginning if an older one has, and not at all if not.
const firstVersions: Readonly<Record<K3sFeature, readonly Version[]>> = {
  'registries-yaml': [[0, 10, 0]],
  'insecure-skip-verify': [[1, 19, 1]],
  rewrite: [[1, 21, 0]],
  'hosts-toml': [
    [1, 26, 13],
    [1, 27, 10],
    [1, 28, 6],
    [1, 29, 1],
  ],
  wildcard: [
    [1, 26, 15],
    [1, 27, 12],
    [1, 28, 8],
    [1, 29, 3],
  ],
  'config-version-3': [
    [1, 31, 6],
    [1, 32, 2],
  ],
  'docker-io-credentials': [
    [1, 31, 11],
    [1, 32, 7],
    [1, 33, 3],
  ],
}

/** True where this version of K3s has the feature; an unknown version is taken for the newest. */
export function hasFeature(version: K3sVersion | undefined, feature: K3sFeature): boolean {
  if (version === undefined) return true
  const { major, minor, patch } = version
  const versions = firstVersions[feature]
  const own = versions.find((first) => first[0] === major && first[1] === minor)
  if (own !== undefined) return patch >= own[2]
  const newest = versions.at(-1)
  return newest !== undefined && (major - newest[0] || minor - newest[1]) > 0
}

/** The first of several versions that lacks a feature, as in `v1.30.0`; undefined where all have it. */
export function versionWithout(feature: K3sFeature, versions: readonly K3sVersion[]): string | undefined {
  const old = versions.find((version) => !hasFeature(version, feature))
  return old && `v${old.major}.${old.minor}.${old.patch}`
}

/** The first versions that have a feature, as in `v1.31.11, v1.32.7, v1.33.3`. */
export function firstVersionsWith(feature: K3sFeature): string {
  return firstVersions[feature].map((version) => `v${version.join('.')}`).join(', ')
}
