import { Document, Pair, Scalar, YAMLMap, YAMLSeq, type Node } from 'yaml'
import type { Mirror, Registries, RegistryConfig } from '../registries.ts'

/** What is written beside the registries themselves; lines without `#`, and none of them is read by K3s. */
export interface RegistriesComments {
  /** Above everything. */
  readonly header?: readonly string[] | undefined
  /** Below everything. */
  readonly footer?: readonly string[] | undefined
  /** At the end of an entry of `configs`, by its key. */
  readonly configs?: ReadonlyMap<string, readonly string[]> | undefined
}

// Line breaks to YAML 1.1, control characters to K3s' parser, or invisible to whoever reads the file: they are escaped, where the package writes them as they are.
const exotic = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g

function escapeExotic(text: string): string {
  return text.replace(exotic, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** A string; the package quotes what YAML 1.1 would read as something else, and escapes belong in double quotes. */
function scalar(text: string, { isQuoted = false }: { readonly isQuoted?: boolean } = {}): Scalar<string> {
  const node = new Scalar(text)
  if (isQuoted || !/^[\x20-\x7e]*$/.test(text)) node.type = Scalar.QUOTE_DOUBLE
  return node
}

function mapping(entries: Iterable<readonly [key: string | Scalar<string>, value: Node]>): YAMLMap {
  const map = new YAMLMap()
  for (const [key, value] of entries) map.items.push(new Pair(typeof key === 'string' ? scalar(key) : key, value))
  return map
}

function mirrorNode({ endpoints, rewrites }: Mirror): YAMLMap {
  const list = new YAMLSeq()
  list.items.push(...endpoints.map((endpoint) => scalar(endpoint)))
  const rewrite = mapping([...rewrites].map(([pattern, to]) => [scalar(pattern, { isQuoted: true }), scalar(to, { isQuoted: true })]))
  return mapping([
    ...(endpoints.length > 0 ? [['endpoint', list] as const] : []),
    ...(rewrites.size > 0 ? [['rewrite', rewrite] as const] : []),
  ])
}

function fields(values: Readonly<Record<string, string>>): (readonly [string, Node])[] {
  return Object.entries(values).flatMap(([key, value]) => (value === '' ? [] : [[key, scalar(value)] as const]))
}

function configNode({ tls, auth }: RegistryConfig, comment: readonly string[] | undefined): YAMLMap {
  const map = new YAMLMap()
  if (tls !== undefined) {
    const { caFile, certFile, keyFile, insecureSkipVerify } = tls
    const written = fields({ ca_file: caFile, cert_file: certFile, key_file: keyFile })
    if (insecureSkipVerify) written.push(['insecure_skip_verify', new Scalar(true)])
    map.items.push(new Pair(scalar('tls'), mapping(written)))
  }
  if (auth !== undefined) {
    const { username, password, auth: encoded, identityToken } = auth
    map.items.push(new Pair(scalar('auth'), mapping(fields({ username, password, auth: encoded, identity_token: identityToken }))))
  }
  if (comment !== undefined) map.comment = commentText(comment)
  return map
}

/** The package puts `#` before each line; what would end a line early is left out. */
function commentText(lines: readonly string[]): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return lines.map((line) => (line === '' ? '' : ` ${line.replace(/[\x00-\x1f]/g, ' ').replace(exotic, ' ')}`)).join('\n')
}

/** Writes a registries.yaml that K3s' parser reads as exactly these registries, whatever their strings look like to YAML 1.1. */
export function formatRegistries({ mirrors, configs }: Registries, comments: RegistriesComments = {}): string {
  const sections: (readonly [Scalar<string>, Node])[] = []
  if (mirrors.size > 0) sections.push([scalar('mirrors'), mapping([...mirrors].map(([name, mirror]) => [name, mirrorNode(mirror)]))])
  if (configs.size > 0) {
    const title = scalar('configs')
    title.spaceBefore = sections.length > 0
    sections.push([title, mapping([...configs].map(([host, config]) => [host, configNode(config, comments.configs?.get(host))]))])
  }
  const options = { schema: 'core', compat: 'yaml-1.1' } as const
  const document = new Document(sections.length === 0 ? null : mapping(sections), options)
  const text = sections.length === 0 ? '' : escapeExotic(document.toString({ lineWidth: 0, directives: false }))
  const block = (lines: readonly string[] | undefined): string[] =>
    lines === undefined || lines.length === 0 ? [] : [commentText(lines).replace(/^/gm, '#').concat('\n')]
  return [...block(comments.header), ...(text === '' ? [] : [text]), ...block(comments.footer)].join('\n')
}
