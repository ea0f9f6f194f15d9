import { wildcardHost } from '../hosts/host-table.ts'
import { hasFeature } from '../k3s-features.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** A rewrite for the registry's own endpoint, which gets none. */
export const rewriteOnDefault: Rule = {
  title: 'A rewrite on the default endpoint',
  about: `An endpoint that is the registry itself and stands last is its default endpoint, and rewrites are never applied to that. Where
it is the only endpoint the rewrite does nothing; where it stands behind others it is asked under the names as they are, which is what a
fallback should do. Before the releases of January 2024 rewrites were applied to it.`,
  check({ parsed, table, version }) {
    if (!hasFeature(version, 'hosts-toml')) return []
    return [...parsed.registries.mirrors].map(([mirror, { endpoints }]) => {
      const own = table.hosts.get(mirror === '*' ? wildcardHost : mirror)?.default
      if (own === undefined || own.rewrites.size === 0) return undefined
      const position = parsed.positionOf(['mirrors', mirror, 'endpoint', endpoints.length - 1])
      if (endpoints.length === 1) {
        const message = `the only endpoint of ${shown(mirror)} is the registry itself, to which rewrites are not applied`
        return { position, message, fix: 'Name the endpoint of the mirror, or remove the rewrite.' }
      }
      const message = `the last endpoint of ${shown(mirror)} is the registry itself: it is asked without the rewrite`
      const fix = 'Leave it out: it is asked last anyway. Nothing has to be done where that is meant.'
      return { position, severity: 'info', message, fix }
    })
  },
}
