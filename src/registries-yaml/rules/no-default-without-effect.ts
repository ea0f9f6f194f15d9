import { wildcardHost, type HostEntry } from '../hosts/host-table.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

const flag = '--disable-default-registry-endpoint'

/** True where the registry itself is asked though nobody wrote it down as an endpoint. */
function keepsDefault(entry: HostEntry): boolean {
  const { default: own, endpoints } = entry
  return own !== undefined && own.index === undefined && endpoints.length > 0 && endpoints.every(({ url }) => url !== own.url)
}

/** A registry that is still asked itself. */
export const noDefaultWithoutEffect: Rule = {
  title: `\`${flag}\` has no effect`,
  about: `The flag takes the registry itself away from the endpoints of a mirror, so that nodes ask nobody else. It does so only for names under \`mirrors\` that are
not keys of \`configs\` as well; and a mirror without any endpoint leaves no \`hosts.toml\`, without which containerd asks the registry itself. This rule looks
at files that are checked with \`${flag}\`.`,
  key: ({ section, key, fault }, { table, parsed, flags }) => {
    if (flags.disableDefaultEndpoint !== true || section !== 'mirrors' || fault !== undefined) return undefined
    const entry = table.hosts.get(key === '*' ? wildcardHost : key)
    if (entry === undefined) {
      // Where "*" applies in its place, another rule says so.
      if (key !== '*' && table.hosts.has(wildcardHost)) return undefined
      return {
        message: `${flag} has no effect on ${shown(key)}: a mirror without endpoints is not written down, and the registry itself is asked`,
        fix: 'Give it an endpoint, or share images between nodes with --embedded-registry.',
      }
    }
    if (entry.endpoints.length > 0 ? !keepsDefault(entry) : entry.default?.index !== undefined) return undefined
    return {
      position: parsed.positionOf(['configs', key]),
      message: `${flag} has no effect on ${shown(key)}: a registry that is a key of configs too keeps its default endpoint`,
      fix:
        key === 'docker.io'
          ? 'Remove the key from configs; registry-1.docker.io does not keep the default endpoint of docker.io.'
          : 'Remove the key from configs, or do not rely on the flag for this registry.',
    }
  },
}
