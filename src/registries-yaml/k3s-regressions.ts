import type { K3sVersion } from '../release/version.ts'
import type { Product } from './hosts/k3s-flags.ts'

/** Known bugs of single K3s releases with a registries.yaml. */
export type K3sRegression =
  | 'bare-endpoints'
  | 'tls-without-mirror'
  | 'wildcard-fallback'
  | 'embedded-registry-wildcard'
  | 'embedded-registry-imports'

interface AffectedReleases {
  /** Issues of k3s-io/k3s. */
  readonly issues: readonly number[]
  /** The releases with the bug, and the first build without it; infinite for every build. */
  readonly versions: Readonly<Record<string, number>>
  /** The first release of each minor version without the bug. */
  readonly fixed: readonly string[]
  /** RKE2's builds of these versions contain the fix. */
  readonly isFixedInRke2?: true
}

const everyBuild = Infinity

// For RKE2 the versions of K3s and of containerd in its own tags decide: https://github.com/rancher/rke2/blob/v1.34.2%2Brke2r1/go.mod
const regressions: Readonly<Record<K3sRegression, AffectedReleases>> = {
  'bare-endpoints': {
    issues: [9322],
    versions: { '1.26.13': 2, '1.27.10': 2, '1.28.6': 2, '1.29.1': 2 },
    fixed: ['v1.26.13+k3s2', 'v1.27.10+k3s2', 'v1.28.6+k3s2', 'v1.29.1+k3s2'],
    isFixedInRke2: true,
  },
  'tls-without-mirror': {
    issues: [9839],
    versions: { '1.27.12': everyBuild, '1.28.8': everyBuild, '1.29.3': everyBuild },
    fixed: ['v1.27.13', 'v1.28.9', 'v1.29.4'],
  },
  'wildcard-fallback': {
    issues: [11857],
    versions: { '1.31.6': everyBuild, '1.32.2': everyBuild },
    fixed: ['v1.31.7', 'v1.32.3'],
  },
  // From Spegel v0.4.0 (k3s#12943) to the fix of k3s#13527.
  'embedded-registry-wildcard': {
    issues: [13526],
    versions: {
      '1.31.14': everyBuild,
      '1.32.10': everyBuild,
      '1.32.11': everyBuild,
      '1.33.6': everyBuild,
      '1.33.7': everyBuild,
      '1.34.2': everyBuild,
      '1.34.3': everyBuild,
      '1.35.0': everyBuild,
    },
    fixed: ['v1.32.12', 'v1.33.8', 'v1.34.4', 'v1.35.1'],
  },
  // From Spegel v0.4.0 (k3s#12943) to the fix of k3s#13221.
  'embedded-registry-imports': {
    issues: [13222, 13855],
    versions: { '1.31.14': everyBuild, '1.32.10': everyBuild, '1.33.6': everyBuild, '1.34.2': everyBuild },
    fixed: ['v1.32.11', 'v1.33.7', 'v1.34.3'],
  },
}

/** True for a release with this bug. */
export function hasRegression({ major, minor, patch, build }: K3sVersion, regression: K3sRegression, product: Product = 'k3s'): boolean {
  const { versions, isFixedInRke2 } = regressions[regression]
  if (product === 'rke2' && isFixedInRke2 === true) return false
  const fixed = versions[`${major}.${minor}.${patch}`]
  return fixed !== undefined && (build?.number ?? 1) < fixed
}

/** The issues about a bug, as in `k3s-io/k3s#13222, #13855`. */
export function issuesOf(regression: K3sRegression): string {
  return `k3s-io/k3s${regressions[regression].issues.map((issue) => `#${issue}`).join(', ')}`
}

/** The releases without the bug that a node can upgrade to, as in `v1.34.4`: that of its own minor version, or else of the next one. */
export function fixedRelease({ major, minor }: K3sVersion, regression: K3sRegression): string {
  const { fixed } = regressions[regression]
  return fixed.find((tag) => tag.startsWith(`v${major}.${minor}.`)) ?? fixed[0] ?? ''
}

/** The first releases of every minor version without the bug, as in `v1.31.7, v1.32.3`. */
export function fixedReleases(regression: K3sRegression): string {
  return regressions[regression].fixed.join(', ')
}
