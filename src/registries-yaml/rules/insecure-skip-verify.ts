import { isLocalhost } from '../hosts/normalise-endpoint.ts'
import { hasFeature } from '../k3s-features.ts'
import { keyFault } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** Certificates that are not verified. */
export const insecureSkipVerify: Rule = {
  severity: 'warning',
  title: 'Certificates are not verified',
  about: `With \`insecure_skip_verify\` any certificate is taken, so that whoever is in the network's way can read the credentials and
change images that are pulled by tag. A \`ca_file\` beside it is read and means nothing. Only said where the settings apply to something.`,
  check({ tls, table, version }) {
    if (!hasFeature(version, 'insecure-skip-verify')) return []
    const asked = [...table.hosts.values()].flatMap((entry) => [...entry.endpoints, entry.default ?? []].flat())
    const used = new Set(asked.filter(({ url }) => url?.startsWith('http://') !== true).map(({ found }) => found.key))
    return tls
      .filter((written) => written.tls.insecureSkipVerify && used.has(written.key))
      .filter(({ key }) => keyFault(key) === undefined && !isLocalhost(key))
      .map(({ key, caFile, positionOf }) => ({
        position: positionOf('insecure_skip_verify'),
        message: `any certificate is taken for that of ${shown(key)}${caFile === undefined ? '' : ', and the ca_file means nothing'}`,
        fix:
          caFile === undefined
            ? "Name the certificate of the registry's authority as ca_file instead."
            : 'Remove insecure_skip_verify: there is a ca_file.',
      }))
  },
}
