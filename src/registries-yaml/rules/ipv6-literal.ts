import { hasFeature, firstVersionsWith } from '../k3s-features.ts'
import { keyFault, isBareIPv6 } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

const brackets = 'write the address in brackets before the port: "[fd00::1]:5000"'
const newer = `use a host name, or upgrade K3s to ${firstVersionsWith('config-version-3')} or later`

/** An IPv6 address without brackets, or with brackets that this version cannot read. */
export const ipv6Literal: Rule = {
  title: 'An invalid or unsupported IPv6 address',
  about: `An IPv6 address needs brackets in a URL and before a port. Without brackets its last part is read as a port, and K3s ignores the endpoint. With brackets
the address becomes the name of a table in \`hosts.toml\`, and for credentials in \`config.toml\`. containerd 1 cannot read such a table and ignores the whole mirror
([k3s#9897](https://github.com/k3s-io/k3s/issues/9897)). K3s has containerd 2 since ${firstVersionsWith('config-version-3')}. Pass \`options.version\` to check for
another version than the newest.`,
  isPerSection: true,
  key: ({ section, key, fault }) =>
    fault === 'ipv6'
      ? { message: `the key ${shown(key)} of ${section} is an IPv6 address without brackets and never matches a registry`, fix: brackets }
      : undefined,
  endpoint: ({ text, endpoint }, { version }) => {
    if (isBareIPv6(text)) return { message: `the endpoint ${shown(text)} is an IPv6 address without brackets`, fix: brackets }
    if (!hasFeature(version, 'hosts-toml') || hasFeature(version, 'config-version-3') || !endpoint?.host.startsWith('[')) return undefined
    return { message: `containerd of this version cannot read a hosts.toml with the endpoint ${shown(endpoint.host)}`, fix: newer }
  },
  auth: ({ key }, { version, parsed }) => {
    if (hasFeature(version, 'config-version-3') || keyFault(key, 'configs') !== undefined || !key.startsWith('[')) return undefined
    const message = `containerd of this version cannot read a config.toml with credentials for ${shown(key)}`
    return { position: parsed.positionOf(['configs', key]), message, fix: newer }
  },
}
