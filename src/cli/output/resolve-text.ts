import { describeEndpoint } from '../../registries-yaml/resolve/describe-endpoint.ts'
import type { Explanation } from '../../registries-yaml/resolve/explain-resolution.ts'
import type { ResolvedEndpoint, ResolvedReference } from '../../registries-yaml/resolve/resolve-reference.ts'
import { safeLine } from '../../text/printable.ts'
import type { Styles } from './styles.ts'

/** A reference, the endpoints that a node tries for it, and why. */
export interface ExplainedReference {
  /** The image as it was given; the node asks for `resolved.reference`. */
  readonly image: string
  readonly resolved: ResolvedReference
  readonly explanation: Explanation
}

/** Credentials for people: the username, and whether a secret is set. */
function formatCredentials({ credentials: { key, credentials } }: ResolvedEndpoint): string {
  if (credentials === undefined) return 'none'
  const where = `(configs.${JSON.stringify(key ?? '')})`
  return credentials.kind === 'basic'
    ? `username ${credentials.username}, ${credentials.password === '' ? 'no password' : 'password set'} ${where}`
    : `identity token set ${where}`
}

function formatTls({ scheme, tls, tlsKey }: ResolvedEndpoint): string | undefined {
  if (scheme !== 'https' && !tls.triesHttpsFirst) return undefined
  const [certificate, key] = tls.client[0] ?? []
  const parts = [
    ...(tls.skipVerify
      ? ['the certificate is not verified']
      : tls.ca.length === 0
        ? ["the system's trust store"]
        : [`the system's trust store and ${tls.ca.join(', ')}`]),
    ...(certificate === undefined ? [] : [`client certificate ${certificate || '(missing)'}, key ${key || '(missing)'}`]),
  ]
  return `${parts.join(', ')}${tlsKey === undefined ? '' : ` (configs.${JSON.stringify(tlsKey)})`}`
}

function formatEndpoint(endpoint: ResolvedEndpoint, notes: readonly string[], number: number, styles: Styles): string[] {
  const tls = formatTls(endpoint)
  const lines = [
    `request: ${endpoint.requestUrl}`,
    `credentials: ${formatCredentials(endpoint)}`,
    ...(tls === undefined ? [] : [`tls: ${tls}`]),
    ...notes.map((note) => `note: ${note}`),
  ]
  const title = `  ${number}. ${safeLine(endpoint.url)}${endpoint.isDefault ? '  (default endpoint)' : ''}`
  return [styles.strong(title), ...lines.map((line) => `     ${safeLine(line)}`)]
}

/** The endpoints of every reference, in the order in which a node tries them. */
export function formatResolutions(references: readonly ExplainedReference[], styles: Styles): string {
  const blocks = references.map(({ image, resolved, explanation }) => {
    const file = resolved.hostsKey === undefined ? 'no hosts.toml' : `certs.d/${safeLine(resolved.hostsKey)}/hosts.toml`
    const title = `${resolved.reference}  (${file})`
    return [
      styles.strong(title),
      ...(image === resolved.reference ? [] : [`  pulled in place of ${image}`]),
      ...explanation.notes.map((note) => `  note: ${safeLine(note)}`),
      ...resolved.endpoints.flatMap((endpoint, index) => formatEndpoint(endpoint, explanation.endpoints[index] ?? [], index + 1, styles)),
    ].join('\n')
  })
  return `${blocks.join('\n\n')}\n`
}

/** The document of `registries resolve --output json`. */
export function resolutionsDocument(references: readonly ExplainedReference[]): object {
  return {
    schemaVersion: 1,
    images: references.map(({ image, resolved, explanation }) => ({
      reference: image,
      ...(image !== resolved.reference && { asked: resolved.reference }),
      hostsDirectory: resolved.hostsKey ?? null,
      endpoints: resolved.endpoints.map((endpoint, index) => ({
        url: endpoint.url,
        repository: endpoint.repository,
        default: endpoint.isDefault,
        ...describeEndpoint(endpoint),
        ...(endpoint.rewrite.alternatives.length > 0 && { otherRepositories: endpoint.rewrite.alternatives }),
        notes: explanation.endpoints[index] ?? [],
      })),
      notes: explanation.notes,
    })),
  }
}
