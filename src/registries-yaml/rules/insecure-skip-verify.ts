import { isLocalhost } from '../hosts/normalise-endpoint.ts'
import { hasFeature } from '../k3s-features.ts'
import { keyFault } from '../lint/key-fault.ts'
import type { Discovery, Rule } from '../lint/rule.ts'
import { oncePerPlace } from '../lint/written-places.ts'
import { shown } from '../shown-text.ts'

/** Certificates that are not verified. */
export const insecureSkipVerify: Rule = {
  id: 'insecure-skip-verify',
  severity: 'warning',
  title: 'Certificates are not verified',
  about: `With \`insecure_skip_verify\` any certificate is taken, so that whoever is in the network's way can read the credentials and
change images that are pulled by tag. A \`ca_file\` beside it is read and means nothing. Only said where the settings apply to something.`,
  *check({ parsed, table, version }) {
    if (parsed.problems.length > 0 || !hasFeature(version, 'insecure-skip-verify')) return
    const endpoints = [...table.hosts.values()].flatMap((entry) => [
      ...entry.endpoints,
      ...(entry.default === undefined ? [] : [entry.default]),
    ])
    const used = new Set(endpoints.filter(({ url }) => url?.startsWith('http://') !== true).map(({ found }) => found.key))
    const discoveries: Discovery[] = []
    for (const [key, { tls }] of parsed.registries.configs) {
      if (tls?.insecureSkipVerify !== true || !used.has(key) || keyFault(key) !== undefined || isLocalhost(key)) continue
      discoveries.push({
        position: parsed.positionOf(['configs', key, 'tls', 'insecure_skip_verify']),
        message: `any certificate is taken for that of ${shown(key)}${tls.caFile === '' ? '' : ', and the ca_file means nothing'}`,
        fix:
          tls.caFile === ''
            ? "Name the certificate of the registry's authority as ca_file instead."
            : 'Remove insecure_skip_verify: there is a ca_file.',
      })
    }
    yield* oncePerPlace(discoveries)
  },
}
