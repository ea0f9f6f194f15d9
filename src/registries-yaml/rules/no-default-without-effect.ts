import { wildcardHost, type HostEntry } from '../hosts/host-table.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

const flag = '--disable-default-registry-endpoint'

/** True where nodes ask the registry itself although it is not an endpoint in the file. */
function keepsDefault(entry: HostEntry): boolean {
  const { default: own, endpoints } = entry
  return own !== undefined && own.index === undefined && endpoints.length > 0 && endpoints.every(({ url }) => url !== own.url)
}

/** A registry that nodes still ask itself. */
export const noDefaultWithoutEffect: Rule = {
  title: `\`${flag}\` has no effect`,
  about: `The flag removes the registry itself from the endpoints of a mirror, so that nodes use only the endpoints in the file. It has no effect for a mirror whose
name is also a key of \`configs\`. It has no effect for a mirror without endpoints either: K3s writes no \`hosts.toml\` then, and containerd uses the registry itself.
This rule applies only with \`${flag}\`.`,
  key: ({ section, key, fault }, { table, parsed, flags }) => {
    if (flags.disableDefaultEndpoint !== true || section !== 'mirrors' || fault !== undefined) return undefined
    const entry = table.hosts.get(key === '*' ? wildcardHost : key)
    if (entry === undefined) {
      // If "*" applies instead, wildcard-exemption reports it.
      if (key !== '*' && table.hosts.has(wildcardHost)) return undefined
      return {
        message: `${flag} has no effect on ${shown(key)}: nodes pull from the registry itself, because the mirror has no endpoints`,
        fix: 'add an endpoint, or run K3s with --embedded-registry',
      }
    }
    if (entry.endpoints.length > 0 ? !keepsDefault(entry) : entry.default?.index !== undefined) return undefined
    return {
      position: parsed.positionOf(['configs', key]),
      message: `${flag} has no effect on ${shown(key)}: K3s keeps the default endpoint of a registry that is also a key of configs`,
      fix: key === 'docker.io' ? 'write registry-1.docker.io instead of docker.io under configs' : 'remove the key from configs',
    }
  },
}
