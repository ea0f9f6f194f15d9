import { hasFeature, firstVersionsWith } from '../k3s-features.ts'
import type { LintContext } from '../lint/context.ts'
import { keyFault, isBareIPv6 } from '../lint/key-fault.ts'
import type { Rule, Discovery } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

function* withoutBrackets({ keys, distinctEndpoints }: LintContext): Iterable<Discovery> {
  const fix = 'Write the address in brackets and the port behind them, as in "[fd00::1]:5000".'
  for (const { section, key, position, fault } of keys) {
    const message = `the key ${shown(key)} of ${section} is an IPv6 address without brackets and matches no registry`
    if (fault === 'ipv6') yield { position, message, fix }
  }
  for (const { text, position } of distinctEndpoints) {
    if (isBareIPv6(text)) yield { position, message: `the endpoint ${shown(text)} is an IPv6 address without brackets`, fix }
  }
}

/** Brackets in the name of a table are more than the TOML parser of containerd 1 can read. */
function* inTables({ version, auths, distinctEndpoints, parsed }: LintContext): Iterable<Discovery> {
  if (hasFeature(version, 'config-version-3')) return
  const fix = `Use a host name, or K3s with ${firstVersionsWith('config-version-3')} or later, which has containerd 2.`
  for (const { key } of auths) {
    if (keyFault(key) !== undefined || !key.startsWith('[')) continue
    const message = `this version's containerd cannot read a config.toml with credentials for ${shown(key)}`
    yield { position: parsed.positionOf(['configs', key]), message, fix }
  }
  if (!hasFeature(version, 'hosts-toml')) return
  for (const { endpoint, position } of distinctEndpoints) {
    if (endpoint?.host.startsWith('[') !== true) continue
    yield { position, message: `this version's containerd cannot read a hosts.toml with the endpoint ${shown(endpoint.host)}`, fix }
  }
}

/** An IPv6 address where brackets are missing, or are too much for this version. */
export const ipv6Literal: Rule = {
  id: 'ipv6-literal',
  severity: 'error',
  title: 'An IPv6 address that is not understood',
  about: `In a URL and before a port an IPv6 address stands in brackets; without them its last part reads as a port, and K3s passes the endpoint over. With brackets
it becomes the name of a table in \`hosts.toml\`, and for credentials in \`config.toml\`, which containerd 1 cannot read
([k3s#9897](https://github.com/k3s-io/k3s/issues/9897)): then the whole mirror is ignored. K3s has containerd 2 since ${firstVersionsWith('config-version-3')};
\`options.version\` says which version is asked about.`,
  isPerSection: true,
  check: (context) => [...withoutBrackets(context), ...inTables(context)],
}
