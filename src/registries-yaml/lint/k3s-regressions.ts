import type { K3sVersion } from '../../release/version.ts'

/** What single releases of K3s are known to do wrong with a registries.yaml. */
export type K3sRegression = 'bare-endpoints' | 'tls-without-mirror' | 'wildcard-fallback'

// Each with its releases, and the first build without the fault where there was one.
const releases: Readonly<Record<K3sRegression, Readonly<Record<string, number>>>> = {
  // https://github.com/k3s-io/k3s/issues/9322
  'bare-endpoints': { '1.26.13': 2, '1.27.10': 2, '1.28.6': 2, '1.29.1': 2 },
  // https://github.com/k3s-io/k3s/issues/9839
  'tls-without-mirror': { '1.27.12': Infinity, '1.28.8': Infinity, '1.29.3': Infinity },
  // https://github.com/k3s-io/k3s/issues/11857
  'wildcard-fallback': { '1.31.6': Infinity, '1.32.2': Infinity },
}

/** True for a release that has this fault. */
export function hasRegression({ major, minor, patch, build }: K3sVersion, regression: K3sRegression): boolean {
  const mended = releases[regression][`${major}.${minor}.${patch}`]
  return mended !== undefined && (build?.number ?? 1) < mended
}
