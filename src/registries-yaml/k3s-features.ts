import type { K3sVersion } from '../release/version.ts'

// What not every version has, as far as a registries.yaml shows it: the first version of each minor that has it; a minor without an entry has it
// from its beginning if an older one has, and not at all if not.
const firstVersions = {
  'registries-yaml': ['v0.10.0'],
  'insecure-skip-verify': ['v1.19.1'],
  rewrite: ['v1.21.0'],
  'hosts-toml': ['v1.26.13', 'v1.27.10', 'v1.28.6', 'v1.29.1'],
  wildcard: ['v1.26.15', 'v1.27.12', 'v1.28.8', 'v1.29.3'],
  'config-version-3': ['v1.31.6', 'v1.32.2'],
  'docker-io-credentials': ['v1.31.11', 'v1.32.7', 'v1.33.3'],
} as const

/** What not every version of K3s has, as far as a registries.yaml shows it. */
export type K3sFeature = keyof typeof firstVersions

/** True where this version of K3s has the feature; an unknown version is taken for the newest. */
export function hasFeature(version: K3sVersion | undefined, feature: K3sFeature): boolean {
  if (version === undefined) return true
  let isNewer = false
  for (const first of firstVersions[feature]) {
    const [major = 0, minor = 0, patch = 0] = first.slice(1).split('.').map(Number)
    if (major === version.major && minor === version.minor) return version.patch >= patch
    isNewer = (version.major - major || version.minor - minor) > 0
  }
  return isNewer
}

/** The first of several versions that lacks a feature, as in `v1.30.0`; undefined where all have it. */
export function versionWithout(feature: K3sFeature, versions: readonly K3sVersion[]): string | undefined {
  const old = versions.find((version) => !hasFeature(version, feature))
  return old && `v${old.major}.${old.minor}.${old.patch}`
}

/** The first versions that have a feature, as in `v1.31.11, v1.32.7, v1.33.3`. */
export function firstVersionsWith(feature: K3sFeature): string {
  return firstVersions[feature].join(', ')
}
