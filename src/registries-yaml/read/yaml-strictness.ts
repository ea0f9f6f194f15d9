import { isAlias, isCollection, isNode, isPair, isScalar, Scalar, visit, type Document } from 'yaml'

// The characters that libyaml accepts: https://yaml.org/spec/1.1/#c-printable
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const unprintable = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

const reasons = {
  control: 'control character',
  directive: 'unsupported directive; only "%YAML 1.1" and "%TAG" are supported',
  tab: 'tab instead of spaces',
  escape: 'JSON escape in a quoted string, which YAML 1.1 does not support',
  questionMark: 'question mark without quotes in a list or mapping in brackets',
  colon: 'missing space after a colon in a mapping in braces',
  anchor: 'invalid anchor name; only letters, digits, "_" and "-" are valid',
} as const
type Reason = keyof typeof reasons

/** Tabs instead of the next line of a block: on an otherwise empty line, before a comment, or after the dash of a list. */
const tab = /^ *(?:- *)*\t[\t ]*(?=#|$)|^ *-(?: *-)* *\t/gm
/** The text before `\/` and before halves of surrogate pairs, which YAML 1.1 does not support. */
const beforeEscape = /^(?:[^\\]|\\[^/u]|\\u(?![dD][89a-fA-F]))*?(?=\\\/|\\u[dD][89a-fA-F])/

/** Finds an unsupported directive before the first document. */
function findDirective(text: string): number | undefined {
  const prelude = /^(?:(?:%[^\n]*|[ \t]*(?:#[^\n]*)?)(?:\n|$))*/.exec(text)?.[0] ?? ''
  for (const match of prelude.matchAll(/^%(.*)$/gm)) {
    const [name, value] = (match[1] ?? '').trim().split(/[ \t]+/)
    if (name !== 'TAG' && !(name === 'YAML' && value === '1.1')) return match.index
  }
  return undefined
}

/** Finds every rejected node, and the spans that may contain tabs: quoted and block scalars, and flow collections. */
function visitNodes(
  text: string,
  document: Document,
): {
  readonly found: readonly (readonly [offset: number, reason: Reason])[]
  readonly spans: readonly (readonly [start: number, end: number])[]
} {
  const found: (readonly [number, Reason])[] = []
  const spans: (readonly [number, number])[] = []
  const isFlow = (node: unknown): boolean => isCollection(node) && node.flow === true
  visit(document, (_, node, ancestors) => {
    // In `{endpoint:[a]}` YAML 1.1 reads the colon as a part of the key.
    if (isPair(node) && isFlow(ancestors.at(-1)) && isScalar(node.key) && node.key.type === Scalar.PLAIN && node.key.range) {
      const [start, end] = node.key.range
      if (/^:[^\s,[\]{}]|^:[[{]/.test(text.slice(end, end + 2))) found.push([start, 'colon'])
    }
    if (!isNode(node)) return
    const [start = 0, end = 0] = node.range ?? []
    const name = isAlias(node) ? node.source : node.anchor
    if (name !== undefined && !/^[\w-]+$/.test(name)) found.push([start, 'anchor'])
    if (node.range && (isFlow(node) || (isScalar(node) && node.type !== Scalar.PLAIN))) spans.push([start, end])
    if (!isScalar(node)) return
    const escape = node.type === Scalar.QUOTE_DOUBLE ? beforeEscape.exec(text.slice(start, end)) : null
    if (escape !== null) found.push([start + escape[0].length, 'escape'])
    // As in `[https://host?query]`.
    if (node.type === Scalar.PLAIN && node.source?.includes('?') && ancestors.some(isFlow)) found.push([start, 'questionMark'])
  })
  return { found, spans }
}

/** The first error that only libyaml reports, of which K3s' parser is a port; undefined for valid text. */
export function findStrictProblem(text: string, document: Document): { readonly why: string; readonly offset: number } | undefined {
  const { found, spans } = visitNodes(text, document)
  const order = Object.keys(reasons)
  const tabs = Array.from(text.matchAll(tab), ({ index }) => text.indexOf('\t', index))
  const others: readonly (readonly [offset: number | undefined, reason: Reason])[] = [
    [unprintable.exec(text)?.index, 'control'],
    [findDirective(text), 'directive'],
    [tabs.find((offset) => !spans.some(([from, to]) => from < offset && offset < to)), 'tab'],
  ]
  const problems = [...others, ...found].flatMap(([offset, reason]) => (offset === undefined ? [] : [{ offset, reason }]))
  const [first] = problems.toSorted((a, b) => a.offset - b.offset || order.indexOf(a.reason) - order.indexOf(b.reason))
  return first && { offset: first.offset, why: reasons[first.reason] }
}
