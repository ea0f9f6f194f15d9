import { productName } from '../hosts/k3s-flags.ts'
import { fixedRelease, fixedReleases, hasRegression, issuesOf, type K3sRegression } from '../k3s-regressions.ts'
import type { LintContext } from '../lint/context.ts'
import type { Rule } from '../lint/rule.ts'
import { tlsFields, type Position } from '../registries.ts'
import { shown } from '../shown-text.ts'

type Affected = readonly [regression: K3sRegression, position: Position, message: string, workaround?: string]

/** What each bug does to this file. */
function* affected({ endpoints, tls, usedKeys, parsed, flags }: LintContext, name: string): Iterable<Affected> {
  for (const { text, position } of endpoints) {
    if (text === '' || text.includes('://')) continue
    const message = `this version of ${name} cannot use the endpoint ${shown(text)} without a scheme`
    yield ['bare-endpoints', position, message, 'write https:// or http:// before the host']
  }
  for (const { key, tls: settings, positionOf } of tls) {
    if (usedKeys.has(key) || tlsFields(settings).length === 0) continue
    const message = `this version of ${name} ignores the tls of ${shown(key)}, because no mirror uses that endpoint`
    yield ['tls-without-mirror', positionOf(), message]
  }
  const { mirrors } = parsed.registries
  const wildcard = parsed.positionOf(['mirrors', '*'])
  if (mirrors.has('*') && flags.disableDefaultEndpoint !== true) {
    const message = `this version of ${name} does not fall back to the registry itself if the mirror "*" lacks an image`
    yield ['wildcard-fallback', wildcard, message, 'write one mirror for each registry']
  }
  if (flags.embeddedRegistry !== true || mirrors.size === 0) return
  if (mirrors.has('*')) {
    const message = `the embedded registry of this version of ${name} shares no images of the mirror "*"`
    yield ['embedded-registry-wildcard', wildcard, message, 'write one mirror for each registry']
  }
  const message = `the embedded registry of this version of ${name} does not share imported images, only images that nodes pulled`
  yield ['embedded-registry-imports', parsed.positionOf(['mirrors']), message]
}

/** A known bug of this version of K3s. */
export const versionRegression: Rule = {
  title: 'A known bug of this version of K3s',
  about: `Only with \`options.version\`. v1.26.13+k3s1, v1.27.10+k3s1, v1.28.6+k3s1 and v1.29.1+k3s1 cannot use endpoints without a scheme
([k3s#9322](https://github.com/k3s-io/k3s/issues/9322)). v1.27.12, v1.28.8 and v1.29.3 ignore the TLS settings of registries without a mirror
([k3s#9839](https://github.com/k3s-io/k3s/issues/9839)). v1.31.6 and v1.32.2 do not fall back from the mirror \`*\`
([k3s#11857](https://github.com/k3s-io/k3s/issues/11857)). The embedded registry shares no images of the mirror \`*\` in v1.31.14, v1.32.10 to v1.32.11, v1.33.6 to
v1.33.7, v1.34.2 to v1.34.3 and v1.35.0 ([k3s#13526](https://github.com/k3s-io/k3s/issues/13526); fixed in ${fixedReleases('embedded-registry-wildcard')}). It does not
share imported images in v1.31.14, v1.32.10, v1.33.6 and v1.34.2 ([k3s#13222](https://github.com/k3s-io/k3s/issues/13222),
[k3s#13855](https://github.com/k3s-io/k3s/issues/13855); fixed in ${fixedReleases('embedded-registry-imports')}), which is a warning. RKE2's releases of these versions have
the same bugs, except the first one.`,
  *check(context) {
    const { version, flags } = context
    if (version === undefined) return
    const name = productName(flags)
    for (const [regression, position, message, workaround] of affected(context, name)) {
      if (!hasRegression(version, regression, flags.product)) continue
      const upgrade = `upgrade ${name} to ${fixedRelease(version, regression)} or later`
      yield {
        position,
        message: `${message} (${issuesOf(regression)})`,
        fix: workaround === undefined ? upgrade : `${workaround}, or ${upgrade}`,
        ...(regression === 'embedded-registry-imports' && { severity: 'warning' }),
      }
    }
  },
}
