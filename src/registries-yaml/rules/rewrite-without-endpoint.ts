import { hasFeature } from '../k3s-features.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** A rewrite of a mirror without endpoints. */
export const rewriteWithoutEndpoint: Rule = {
  title: 'A rewrite without an endpoint',
  about: `Rewrites apply to the endpoints of their mirror. Without endpoints, nodes use the default endpoint with the original names. Rewrites do not apply to the
embedded registry (\`--embedded-registry\`) either. Releases before January 2024 apply rewrites to the default endpoint too.`,
  check({ parsed, version }) {
    if (!hasFeature(version, 'hosts-toml')) return []
    return [...parsed.registries.mirrors]
      .filter(([, { endpoints, rewrites }]) => rewrites.size > 0 && endpoints.length === 0)
      .map(([mirror]) => ({
        position: parsed.positionOf(['mirrors', mirror, 'rewrite']),
        message: `the rewrite has no effect: the mirror ${shown(mirror)} has no endpoint`,
        fix: 'add the endpoint that has the images under their new names',
      }))
  },
}
