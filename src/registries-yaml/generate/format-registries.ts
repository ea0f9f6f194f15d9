import { Document, Pair, Scalar, YAMLMap, YAMLSeq, type Node } from 'yaml'
import { authFields, tlsFields, type Mirror, type Registries, type RegistryConfig } from '../registries.ts'

/** Comments in addition to the registries, as lines without `#`. */
export interface RegistriesComments {
  /** At the top of the file. */
  readonly header?: readonly string[] | undefined
  /** At the end of the file. */
  readonly footer?: readonly string[] | undefined
  /** At the end of an entry of `configs`, by its key. */
  readonly configs?: ReadonlyMap<string, readonly string[]> | undefined
}

// Line breaks in YAML 1.1, control characters for K3s' parser, or invisible characters. The package does not escape them.
const exotic = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g

/** A string or `true`. The package quotes strings that YAML 1.1 would read as another type; escapes require double quotes. */
function scalar(value: string | true, isQuoted: boolean = false): Scalar {
  const node = new Scalar(value)
  if (isQuoted || (value !== true && !/^[\x20-\x7e]*$/.test(value))) node.type = Scalar.QUOTE_DOUBLE
  return node
}

/** A mapping of the defined values. */
function mapping(entries: Iterable<readonly [key: string, value: Node | undefined]>, isQuoted?: boolean): YAMLMap<Scalar> {
  const map = new YAMLMap<Scalar>()
  for (const [key, value] of entries) if (value !== undefined) map.items.push(new Pair(scalar(key, isQuoted), value))
  return map
}

function fieldsNode(fields: ReturnType<typeof tlsFields> | undefined): Node | undefined {
  return fields && mapping(fields.map(([key, value]) => [key, scalar(value)]))
}

function mirrorNode({ endpoints, rewrites }: Mirror): YAMLMap {
  const list = new YAMLSeq()
  list.items.push(...endpoints.map((endpoint) => scalar(endpoint)))
  const rewrite = [...rewrites].map(([pattern, to]) => [pattern, scalar(to, true)] as const)
  return mapping([
    ['endpoint', endpoints.length > 0 ? list : undefined],
    ['rewrite', rewrites.size > 0 ? mapping(rewrite, true) : undefined],
  ])
}

function configNode({ tls, auth }: RegistryConfig, comment: readonly string[] | undefined): YAMLMap {
  const map = mapping([
    ['tls', fieldsNode(tls && tlsFields(tls))],
    ['auth', fieldsNode(auth && authFields(auth))],
  ])
  if (comment !== undefined) map.comment = commentText(comment)
  return map
}

/** The package puts `#` before each line; characters that would end a line early become spaces. */
function commentText(lines: readonly string[]): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return lines.map((line) => (line === '' ? '' : ` ${line.replace(/[\x00-\x1f]/g, ' ').replace(exotic, ' ')}`)).join('\n')
}

/** Writes a registries.yaml that K3s' parser reads as exactly these registries, also where a string looks like another type of YAML 1.1. */
export function formatRegistries({ mirrors, configs }: Registries, comments: RegistriesComments = {}): string {
  const configEntries = [...configs].map(([host, config]) => [host, configNode(config, comments.configs?.get(host))] as const)
  const sections = mapping([
    ['mirrors', mirrors.size > 0 ? mapping([...mirrors].map(([name, mirror]) => [name, mirrorNode(mirror)])) : undefined],
    ['configs', configs.size > 0 ? mapping(configEntries) : undefined],
  ])
  const [, second] = sections.items
  if (second !== undefined) second.key.spaceBefore = true
  const text = new Document(sections, { schema: 'core', compat: 'yaml-1.1' })
    .toString({ lineWidth: 0, directives: false })
    .replace(exotic, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const block = (lines: readonly string[] = []): string[] =>
    lines.length === 0 ? [] : [commentText(lines).replace(/^/gm, '#').concat('\n')]
  return [...block(comments.header), ...(sections.items.length === 0 ? [] : [text]), ...block(comments.footer)].join('\n')
}
