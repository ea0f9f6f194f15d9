import type { K3sVersion } from '../release/version.ts'

// The first version of each minor release with a feature. A minor release without an entry has the feature if an older one has it.
// RKE2's releases of the same Kubernetes version contain the same code of K3s and the same containerd.
const firstVersions = {
  'registries-yaml': ['v0.10.0'],
  'insecure-skip-verify': ['v1.19.1'],
  rewrite: ['v1.21.0'],
  'system-default-registry': ['v1.21.1'],
  'hosts-toml': ['v1.26.13', 'v1.27.10', 'v1.28.6', 'v1.29.1'],
  wildcard: ['v1.26.15', 'v1.27.12', 'v1.28.8', 'v1.29.3'],
  'config-version-3': ['v1.31.6', 'v1.32.2'],
  'docker-io-credentials': ['v1.31.11', 'v1.32.7', 'v1.33.3'],
  // Spegel v0.4.0 refuses a mirrored registry with a path: https://github.com/k3s-io/k3s/pull/12943
  'embedded-registry-keys': ['v1.31.14', 'v1.32.10', 'v1.33.6', 'v1.34.2'],
  // https://github.com/k3s-io/k3s/pull/13527
  'embedded-registry-wildcard': ['v1.32.12', 'v1.33.8', 'v1.34.4', 'v1.35.1'],
  // K3s' own images are in ghcr.io/k3s-io: https://github.com/k3s-io/k3s/issues/14561
  ghcr: ['v1.40.0'],
} as const

/** A feature of registries.yaml that some versions of K3s lack. */
export type K3sFeature = keyof typeof firstVersions

/** True if this version of K3s has the feature; undefined is the newest version. */
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

/** The first of several versions without a feature, as in `v1.30.0`; undefined if all have it. */
export function versionWithout(feature: K3sFeature, versions: readonly K3sVersion[]): string | undefined {
  const old = versions.find((version) => !hasFeature(version, feature))
  return old && `v${old.major}.${old.minor}.${old.patch}`
}

/** The first versions with a feature, as in `v1.31.11, v1.32.7, v1.33.3`. */
export function firstVersionsWith(feature: K3sFeature): string {
  return firstVersions[feature].join(', ')
}
