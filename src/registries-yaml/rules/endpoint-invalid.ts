import { buildHostTable, type IgnoredEntry } from '../hosts/host-table.ts'
import type { LintContext } from '../lint/context.ts'
import { isBareIPv6 } from '../lint/key-fault.ts'
import type { Rule, Discovery } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

const fix = 'write https://host[:port], with a numeric port'

/** Endpoints that K3s ignores with a line in its log. */
function* ignoredEndpoints({ parsed }: LintContext, ignored: readonly IgnoredEntry[]): Iterable<Discovery> {
  for (const { kind, key, index, why } of ignored) {
    const text = index === undefined ? undefined : parsed.registries.mirrors.get(key)?.endpoints[index]
    if (index === undefined || text === undefined || isBareIPv6(text)) continue
    const position = parsed.positionOf(['mirrors', key, 'endpoint', index])
    const message = `K3s ignores the endpoint ${shown(text)}: ${why}`
    if (kind === 'invalid-endpoint') yield { position, message, fix }
    else yield { position, message, fix: 'remove this endpoint', severity: 'warning' }
  }
}

/** Endpoints that K3s accepts and containerd cannot use. */
function* unusable({ endpoints }: LintContext): Iterable<Discovery> {
  for (const { text, position, host, endpoint } of endpoints) {
    if (host === '') yield { position, message: `the endpoint ${shown(text)} has no host`, fix }
    if (endpoint === undefined || /^https?:/.test(endpoint.url)) continue
    const message = `the endpoint ${shown(text)} is neither http nor https: containerd cannot use it`
    yield { position, message, fix: 'write https:// before the host, or http:// if the registry has no TLS' }
  }
}

function* invalidKeys({ keys }: LintContext, ignored: readonly IgnoredEntry[]): Iterable<Discovery> {
  const reasons = new Map(ignored.flatMap(({ key, index, why }) => (index === undefined ? [[key, why] as const] : [])))
  for (const { section, key, position, fault } of keys) {
    const why = key === '' ? 'it is empty' : reasons.get(key)
    if (fault !== undefined || why === undefined) continue
    const message = `the key ${shown(key)} of ${section} is not a registry: ${why}`
    yield { position, message, fix: 'write host[:port] as in the names of images' }
  }
}

/** An endpoint, or a key, that K3s ignores. */
export const endpointInvalid: Rule = {
  title: 'An invalid endpoint',
  about: `K3s logs and ignores an endpoint that is not a valid URL, and one that is the same as an earlier one with or without \`/v2\`. K3s accepts endpoints without
a host, or with another scheme than http and https, but containerd cannot use them. Keys of \`mirrors\` and \`configs\` that are not \`host[:port]\` are ignored in
the same way.`,
  check(context) {
    // Without flags, because the embedded registry would shift the indices.
    const { ignored } = buildHostTable(context.parsed.registries)
    return [...ignoredEndpoints(context, ignored), ...unusable(context), ...invalidKeys(context, ignored)]
  },
}
