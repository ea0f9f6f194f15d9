import { wildcardHost } from '../hosts/host-table.ts'
import { hasFeature } from '../k3s-features.ts'
import type { Discovery, Rule } from '../lint/rule.ts'
import { oncePerPlace } from '../lint/written-places.ts'
import { shown } from '../shown-text.ts'

/** A rewrite for the registry's own endpoint, which gets none. */
export const rewriteOnDefault: Rule = {
  id: 'rewrite-on-default',
  severity: 'error',
  title: 'A rewrite on the default endpoint',
  about: `An endpoint that is the registry itself and stands last is its default endpoint, and rewrites are never applied to that. Where
it is the only endpoint the rewrite does nothing; where it stands behind others it is asked under the names as they are, which is what a
fallback should do. Before the releases of January 2024 rewrites were applied to it.`,
  *check({ parsed, table, version }) {
    if (parsed.problems.length > 0 || !hasFeature(version, 'hosts-toml')) return
    const discoveries: Discovery[] = []
    for (const [mirror, { endpoints, rewrites }] of parsed.registries.mirrors) {
      const own = table.hosts.get(mirror === '*' ? wildcardHost : mirror)?.default
      if (rewrites.size === 0 || own === undefined || own.rewrites.size === 0) continue
      const isOnly = endpoints.length === 1
      discoveries.push({
        position: parsed.positionOf(['mirrors', mirror, 'endpoint', endpoints.length - 1]),
        severity: isOnly ? 'error' : 'info',
        message: isOnly
          ? `the only endpoint of ${shown(mirror)} is the registry itself, to which rewrites are not applied`
          : `the last endpoint of ${shown(mirror)} is the registry itself: it is asked without the rewrite`,
        fix: isOnly
          ? 'Name the endpoint of the mirror, or remove the rewrite.'
          : 'Leave it out: it is asked last anyway. Nothing has to be done where that is meant.',
      })
    }
    yield* oncePerPlace(discoveries)
  },
}
