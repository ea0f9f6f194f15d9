import { firstVersionsWith, hasFeature } from '../k3s-features.ts'
import { isBareIPv6 } from '../lint/key-fault.ts'
import type { Discovery, LintContext, Rule } from '../lint/rule.ts'
import { placesOfEndpoints, writtenKeys } from '../lint/written-places.ts'
import { shown } from '../shown-text.ts'

function* withoutBrackets(context: LintContext): Iterable<Discovery> {
  const fix = 'Write the address in brackets and the port behind them, as in "[fd00::1]:5000".'
  for (const { section, key, position, fault } of writtenKeys(context)) {
    if (fault !== 'ipv6') continue
    yield { position, message: `the key ${shown(key)} of ${section} is an IPv6 address without brackets and matches no registry`, fix }
  }
  for (const { text, position } of placesOfEndpoints(context)) {
    if (!isBareIPv6(text)) continue
    yield { position, message: `the endpoint ${shown(text)} is an IPv6 address without brackets`, fix }
  }
}

/** Brackets in the name of a table are more than the TOML parser of containerd 1 can read. */
function* inTables(context: LintContext): Iterable<Discovery> {
  const { version, parsed } = context
  if (hasFeature(version, 'config-version-3')) return
  const fix = `Use a host name, or K3s with ${firstVersionsWith('config-version-3')} or later, which has containerd 2.`
  for (const { section, key, position, fault } of writtenKeys(context)) {
    const isTable = section === 'configs' && parsed.registries.configs.get(key)?.auth !== undefined
    if (fault !== undefined || !isTable || !key.startsWith('[')) continue
    yield { position, message: `this version's containerd cannot read a config.toml with credentials for ${shown(key)}`, fix }
  }
  if (!hasFeature(version, 'hosts-toml')) return
  for (const { endpoint, position } of placesOfEndpoints(context)) {
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
\`--k3s-version\` says which version is asked about.`,
  *check(context) {
    yield* withoutBrackets(context)
    yield* inTables(context)
  },
}
