import { hasFeature } from '../k3s-features.ts'
import type { Discovery, Rule } from '../lint/rule.ts'
import { oncePerPlace } from '../lint/written-places.ts'
import { shown } from '../shown-text.ts'

/** A rewrite of a mirror without endpoints. */
export const rewriteWithoutEndpoint: Rule = {
  id: 'rewrite-without-endpoint',
  severity: 'error',
  title: 'A rewrite without an endpoint',
  about: `Rewrites belong to the endpoints of their mirror. A mirror without any is asked at its default endpoint, under the names as they
are; the nodes' own registry (\`--embedded-registry\`) gets no rewrites either. Before the releases of January 2024 rewrites were applied
to the default endpoint.`,
  *check({ parsed, version }) {
    if (parsed.problems.length > 0 || !hasFeature(version, 'hosts-toml')) return
    const discoveries: Discovery[] = []
    for (const [mirror, { endpoints, rewrites }] of parsed.registries.mirrors) {
      if (rewrites.size === 0 || endpoints.length > 0) continue
      discoveries.push({
        position: parsed.positionOf(['mirrors', mirror, 'rewrite']),
        message: `the mirror ${shown(mirror)} has no endpoint, so its rewrite is applied to nothing`,
        fix: 'Name the endpoint that holds the images under their other names.',
      })
    }
    yield* oncePerPlace(discoveries)
  },
}
