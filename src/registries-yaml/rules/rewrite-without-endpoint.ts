import { hasFeature } from '../k3s-features.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** A rewrite of a mirror without endpoints. */
export const rewriteWithoutEndpoint: Rule = {
  title: 'A rewrite without an endpoint',
  about: `Rewrites belong to the endpoints of their mirror. A mirror without any is asked at its default endpoint, under the names as they
are; the nodes' own registry (\`--embedded-registry\`) gets no rewrites either. Before the releases of January 2024 rewrites were applied
to the default endpoint.`,
  check({ parsed, version }) {
    if (!hasFeature(version, 'hosts-toml')) return []
    return [...parsed.registries.mirrors]
      .filter(([, { endpoints, rewrites }]) => rewrites.size > 0 && endpoints.length === 0)
      .map(([mirror]) => ({
        position: parsed.positionOf(['mirrors', mirror, 'rewrite']),
        message: `the mirror ${shown(mirror)} has no endpoint, so its rewrite is applied to nothing`,
        fix: 'Name the endpoint that holds the images under their other names.',
      }))
  },
}
