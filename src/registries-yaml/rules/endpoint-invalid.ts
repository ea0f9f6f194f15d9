import { buildHostTable, type PassedOver } from '../hosts/host-table.ts'
import type { LintContext } from '../lint/context.ts'
import { isBareIPv6 } from '../lint/key-fault.ts'
import type { Rule, Discovery } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

const fix = 'Write https:// and host[:port], the port a number, with nothing before or behind.'

/** What K3s logs and leaves out of the endpoints. */
function* ignoredEndpoints({ parsed }: LintContext, ignored: readonly PassedOver[]): Iterable<Discovery> {
  for (const { kind, key, index, why } of ignored) {
    const text = index === undefined ? undefined : parsed.registries.mirrors.get(key)?.endpoints[index]
    if (index === undefined || text === undefined || isBareIPv6(text)) continue
    const position = parsed.positionOf(['mirrors', key, 'endpoint', index])
    const message = `K3s passes over the endpoint ${shown(text)}: ${why}`
    if (kind === 'invalid-endpoint') yield { position, message, fix }
    else yield { position, message, fix: 'Remove it.', severity: 'warning' }
  }
}

/** What K3s takes and containerd can do nothing with. */
function* unusable({ endpoints }: LintContext): Iterable<Discovery> {
  for (const { text, position, host, endpoint } of endpoints) {
    if (host === '') yield { position, message: `the endpoint ${shown(text)} names no host`, fix }
    if (endpoint === undefined || /^https?:/.test(endpoint.url)) continue
    const message = `the endpoint ${shown(text)} is neither http nor https, and containerd cannot ask it`
    yield { position, message, fix: 'Write https:// before the host, or http:// if it has no TLS.' }
  }
}

function* invalidKeys({ keys }: LintContext, ignored: readonly PassedOver[]): Iterable<Discovery> {
  const reasons = new Map(ignored.flatMap(({ key, index, why }) => (index === undefined ? [[key, why] as const] : [])))
  for (const { section, key, position, fault } of keys) {
    const why = key === '' ? 'it is empty' : reasons.get(key)
    if (fault !== undefined || why === undefined) continue
    const message = `the key ${shown(key)} of ${section} names no registry: ${why}`
    yield { position, message, fix: 'Write host[:port] as images name it.' }
  }
}

/** An endpoint, or a key, that is left out. */
export const endpointInvalid: Rule = {
  title: 'An endpoint that nobody can ask',
  about: `K3s writes a line to its log and goes on without an endpoint that is no URL, and without one that is there already, once \`/v2\` is added or left out. It
takes endpoints without a host or of another scheme than http and https, but containerd has no use for them. Keys of \`mirrors\` and \`configs\` that are no
\`host[:port]\` are left out in the same way.`,
  check(context) {
    // The flags do not matter to it, but the embedded registry would shift the indices.
    const { passedOver } = buildHostTable(context.parsed.registries)
    return [...ignoredEndpoints(context, passedOver), ...unusable(context), ...invalidKeys(context, passedOver)]
  },
}
