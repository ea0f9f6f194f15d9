import { hasFeature, firstVersionsWith } from '../k3s-features.ts'
import { keyFault, isBareIPv6 } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

const brackets = 'Write the address in brackets and the port behind them, as in "[fd00::1]:5000".'
const newer = `Use a host name, or K3s with ${firstVersionsWith('config-version-3')} or later, which has containerd 2.`

/** An IPv6 address where brackets are missing, or are too much for this version. */
export const ipv6Literal: Rule = {
  title: 'An IPv6 address that is not understood',
  about: `In a URL and before a port an IPv6 address stands in brackets; without them its last part reads as a port, and K3s passes the endpoint over. With brackets
it becomes the name of a table in \`hosts.toml\`, and for credentials in \`config.toml\`, which containerd 1 cannot read
([k3s#9897](https://github.com/k3s-io/k3s/issues/9897)): then the whole mirror is ignored. K3s has containerd 2 since ${firstVersionsWith('config-version-3')};
\`options.version\` says which version is asked about.`,
  isPerSection: true,
  key: ({ section, key, fault }) =>
    fault === 'ipv6'
      ? { message: `the key ${shown(key)} of ${section} is an IPv6 address without brackets and matches no registry`, fix: brackets }
      : undefined,
  endpoint: ({ text, endpoint }, { version }) => {
    if (isBareIPv6(text)) return { message: `the endpoint ${shown(text)} is an IPv6 address without brackets`, fix: brackets }
    if (!hasFeature(version, 'hosts-toml') || hasFeature(version, 'config-version-3') || !endpoint?.host.startsWith('[')) return undefined
    return { message: `this version's containerd cannot read a hosts.toml with the endpoint ${shown(endpoint.host)}`, fix: newer }
  },
  auth: ({ key }, { version, parsed }) => {
    if (hasFeature(version, 'config-version-3') || keyFault(key) !== undefined || !key.startsWith('[')) return undefined
    const message = `this version's containerd cannot read a config.toml with credentials for ${shown(key)}`
    return { position: parsed.positionOf(['configs', key]), message, fix: newer }
  },
}
