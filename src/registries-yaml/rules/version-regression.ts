import { hasRegression } from '../lint/k3s-regressions.ts'
import type { Discovery, LintContext, Rule } from '../lint/rule.ts'
import { oncePerPlace, writtenEndpoints } from '../lint/written-places.ts'
import { shown } from '../shown-text.ts'

function* checkBareEndpoints(context: LintContext): Iterable<Discovery> {
  for (const { text, position } of writtenEndpoints(context)) {
    if (text === '' || text.includes('://')) continue
    yield {
      position,
      message: `this version of K3s makes no working URL of ${shown(text)}, which has no scheme (k3s-io/k3s#9322)`,
      fix: 'Write https:// or http:// before it, or take the next build of that version, +k3s2.',
    }
  }
}

function* checkTlsWithoutMirror(context: LintContext): Iterable<Discovery> {
  const used = new Set(writtenEndpoints(context).map(({ found }) => found.key))
  const { parsed } = context
  for (const [key, { tls }] of parsed.registries.configs) {
    if (tls === undefined || used.has(key)) continue
    if (tls.caFile === '' && tls.certFile === '' && tls.keyFile === '' && !tls.insecureSkipVerify) continue
    yield {
      position: parsed.positionOf(['configs', key, 'tls']),
      message: `this version of K3s does not use the tls of ${shown(key)}, which is no mirror's endpoint (k3s-io/k3s#9839)`,
      fix: 'Upgrade K3s to v1.27.13, v1.28.9 or v1.29.4.',
    }
  }
}

function* checkWildcardFallback({ parsed, flags }: LintContext): Iterable<Discovery> {
  if (!parsed.registries.mirrors.has('*') || flags.disableDefaultEndpoint === true) return
  yield {
    position: parsed.positionOf(['mirrors', '*']),
    message: 'this version of K3s does not go on to the registry itself where the mirror "*" lacks an image (k3s-io/k3s#11857)',
    fix: 'Upgrade K3s to v1.31.7 or v1.32.3, or name the registries one by one.',
  }
}

/** Something that this very version of K3s does wrong. */
export const versionRegression: Rule = {
  id: 'version-regression',
  severity: 'error',
  title: 'What this version of K3s is known to do wrong',
  about: `Only with \`--k3s-version\`. v1.26.13+k3s1, v1.27.10+k3s1, v1.28.6+k3s1 and v1.29.1+k3s1 cannot use endpoints without a scheme
([k3s#9322](https://github.com/k3s-io/k3s/issues/9322)); v1.27.12, v1.28.8 and v1.29.3 use the TLS settings of endpoints alone, not those
of registries without a mirror ([k3s#9839](https://github.com/k3s-io/k3s/issues/9839)); v1.31.6 and v1.32.2 do not fall back from the
mirror \`*\` ([k3s#11857](https://github.com/k3s-io/k3s/issues/11857)).`,
  *check(context) {
    const { parsed, version } = context
    if (version === undefined || parsed.problems.length > 0) return
    yield* oncePerPlace([
      ...(hasRegression(version, 'bare-endpoints') ? checkBareEndpoints(context) : []),
      ...(hasRegression(version, 'tls-without-mirror') ? checkTlsWithoutMirror(context) : []),
      ...(hasRegression(version, 'wildcard-fallback') ? checkWildcardFallback(context) : []),
    ])
  },
}
