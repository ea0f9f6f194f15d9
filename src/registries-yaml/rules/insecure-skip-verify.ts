import { isLocalhost } from '../hosts/normalise-endpoint.ts'
import { hasFeature } from '../k3s-features.ts'
import { keyFault } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** Disabled certificate verification. */
export const insecureSkipVerify: Rule = {
  severity: 'warning',
  title: 'Certificates are not verified',
  about: `With \`insecure_skip_verify\` containerd accepts any certificate. Anyone on the network path can read the credentials and change images that are pulled
by tag. A \`ca_file\` has no effect then. Settings that apply to no registry are not reported.`,
  check({ tls, table, version }) {
    if (!hasFeature(version, 'insecure-skip-verify')) return []
    const asked = [...table.hosts.values()].flatMap((entry) => [...entry.endpoints, entry.default ?? []].flat())
    const used = new Set(asked.filter(({ url }) => url?.startsWith('http://') !== true).map(({ found }) => found.key))
    return tls
      .filter((written) => written.tls.insecureSkipVerify && used.has(written.key))
      .filter(({ key }) => keyFault(key, 'configs') === undefined && !isLocalhost(key))
      .map(({ key, caFile, positionOf }) => ({
        position: positionOf('insecure_skip_verify'),
        message: `containerd accepts any certificate for ${shown(key)}${caFile === undefined ? '' : ', and the ca_file has no effect'}`,
        fix:
          caFile === undefined
            ? 'write the CA certificate of the registry as ca_file instead'
            : 'remove insecure_skip_verify, because there is a ca_file',
      }))
  },
}
