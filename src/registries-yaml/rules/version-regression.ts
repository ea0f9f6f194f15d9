import type { K3sVersion } from '../../release/version.ts'
import type { Rule } from '../lint/rule.ts'
import { tlsFields } from '../registries.ts'
import { shown } from '../shown-text.ts'

/** Known bugs of single K3s releases with a registries.yaml. */
export type K3sRegression = 'bare-endpoints' | 'tls-without-mirror' | 'wildcard-fallback'

// The releases with each bug, and the first build without it.
const releases: Readonly<Record<K3sRegression, Readonly<Record<string, number>>>> = {
  // https://github.com/k3s-io/k3s/issues/9322
  'bare-endpoints': { '1.26.13': 2, '1.27.10': 2, '1.28.6': 2, '1.29.1': 2 },
  // https://github.com/k3s-io/k3s/issues/9839
  'tls-without-mirror': { '1.27.12': Infinity, '1.28.8': Infinity, '1.29.3': Infinity },
  // https://github.com/k3s-io/k3s/issues/11857
  'wildcard-fallback': { '1.31.6': Infinity, '1.32.2': Infinity },
}

/** True for a release with this bug. */
export function hasRegression({ major, minor, patch, build }: K3sVersion, regression: K3sRegression): boolean {
  const fixed = releases[regression][`${major}.${minor}.${patch}`]
  return fixed !== undefined && (build?.number ?? 1) < fixed
}

/** A known bug of this version of K3s. */
export const versionRegression: Rule = {
  title: 'A known bug of this version of K3s',
  about: `Only with \`options.version\`. v1.26.13+k3s1, v1.27.10+k3s1, v1.28.6+k3s1 and v1.29.1+k3s1 cannot use endpoints without a scheme
([k3s#9322](https://github.com/k3s-io/k3s/issues/9322)). v1.27.12, v1.28.8 and v1.29.3 ignore the TLS settings of registries without a mirror
([k3s#9839](https://github.com/k3s-io/k3s/issues/9839)). v1.31.6 and v1.32.2 do not fall back from the mirror \`*\`
([k3s#11857](https://github.com/k3s-io/k3s/issues/11857)).`,
  *check({ version, endpoints, tls, usedKeys, parsed, flags }) {
    if (version === undefined) return
    for (const { text, position } of hasRegression(version, 'bare-endpoints') ? endpoints : []) {
      if (text === '' || text.includes('://')) continue
      yield {
        position,
        message: `this version of K3s cannot use the endpoint ${shown(text)} without a scheme (k3s-io/k3s#9322)`,
        fix: 'write https:// or http:// before the host, or upgrade to the build +k3s2 of this version',
      }
    }
    for (const { key, tls: settings, positionOf } of hasRegression(version, 'tls-without-mirror') ? tls : []) {
      if (usedKeys.has(key) || tlsFields(settings).length === 0) continue
      yield {
        position: positionOf(),
        message: `this version of K3s ignores the tls of ${shown(key)}, because no mirror uses that endpoint (k3s-io/k3s#9839)`,
        fix: 'upgrade K3s to v1.27.13, v1.28.9 or v1.29.4',
      }
    }
    if (!hasRegression(version, 'wildcard-fallback') || !parsed.registries.mirrors.has('*') || flags.disableDefaultEndpoint === true) return
    yield {
      position: parsed.positionOf(['mirrors', '*']),
      message: 'this version of K3s does not fall back to the registry itself if the mirror "*" lacks an image (k3s-io/k3s#11857)',
      fix: 'upgrade K3s to v1.31.7 or v1.32.3, or write one mirror for each registry',
    }
  },
}
