import { wildcardHost } from '../hosts/host-table.ts'
import { hasFeature } from '../k3s-features.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** A rewrite for the default endpoint, to which containerd applies none. */
export const rewriteOnDefault: Rule = {
  title: 'A rewrite on the default endpoint',
  about: `If the last endpoint is the registry itself, it is the default endpoint, to which containerd never applies rewrites. If it is the only endpoint, the rewrite
has no effect. For Docker Hub write \`https://index.docker.io\`, which is not the default endpoint. As the last of several endpoints it gets the original names, as a fallback should. Releases before January 2024 apply rewrites to it too.`,
  check({ parsed, table, version }) {
    if (!hasFeature(version, 'hosts-toml')) return []
    return [...parsed.registries.mirrors].map(([mirror, { endpoints }]) => {
      const own = table.hosts.get(mirror === '*' ? wildcardHost : mirror)?.default
      if (own === undefined || own.rewrites.size === 0) return undefined
      const position = parsed.positionOf(['mirrors', mirror, 'endpoint', endpoints.length - 1])
      if (endpoints.length === 1) {
        const message = `the rewrite has no effect: the only endpoint of ${shown(mirror)} is the registry itself`
        const other =
          mirror === 'docker.io'
            ? 'https://index.docker.io, which is Docker Hub but not the default endpoint'
            : 'the endpoint of the mirror'
        return { position, message, fix: `write ${other}, or remove the rewrite` }
      }
      const message = `the rewrite does not apply to the last endpoint of ${shown(mirror)}, which is the registry itself`
      const fix = 'remove this endpoint, because nodes use the registry itself last anyway'
      return { position, severity: 'info', message, fix }
    })
  },
}
