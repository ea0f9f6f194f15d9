import { isAlias, isCollection, isNode, isPair, isScalar, Scalar, visit, type Document } from 'yaml'

// what libyaml takes: https://yaml.org/spec/1.1/#c-printable
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const unprintable = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

const reasons = {
  control: 'a control character',
  directive: 'a directive other than "%YAML 1.1" and "%TAG"',
  tab: 'a tab where only spaces may be',
  escape: 'an escape in a quoted string that JSON has and YAML 1.1 has not',
  questionMark: 'a question mark in a list or mapping in brackets; the value belongs in quotes',
  colon: 'a colon without a space behind it in a mapping in braces',
  anchor: 'the name of an anchor has other characters than letters, digits, "_" and "-"',
} as const
type Reason = keyof typeof reasons

/** Tabs where a block's next line is expected: alone on a line, before a comment, or behind the dash of a list. */
const tab = /^ *(?:- *)*\t[\t ]*(?=#|$)|^ *-(?: *-)* *\t/gm
/** What stands before `\/` and halves of surrogate pairs: JSON has them, and YAML 1.1 does not. */
const beforeEscape = /^(?:[^\\]|\\[^/u]|\\u(?![dD][89a-fA-F]))*?(?=\\\/|\\u[dD][89a-fA-F])/

/** Directives before the first document: K3s' parser knows YAML 1.1 and tags. */
function findDirective(text: string): number | undefined {
  const prelude = /^(?:(?:%[^\n]*|[ \t]*(?:#[^\n]*)?)(?:\n|$))*/.exec(text)?.[0] ?? ''
  for (const match of prelude.matchAll(/^%(.*)$/gm)) {
    const [name, value] = (match[1] ?? '').trim().split(/[ \t]+/)
    if (name !== 'TAG' && !(name === 'YAML' && value === '1.1')) return match.index
  }
  return undefined
}

/** Everything in the nodes that is refused, and the spans in which tabs are allowed: quoted and block scalars, and flow collections. */
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
    // A key in braces whose colon has its value right behind it, as in `{endpoint:[a]}`: YAML 1.1 reads the colon as a part of the key.
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
    // as in `[https://host?query]`
    if (node.type === Scalar.PLAIN && node.source?.includes('?') && ancestors.some(isFlow)) found.push([start, 'questionMark'])
  })
  return { found, spans }
}

/** The first thing that libyaml, which K3s' parser is a translation of, refuses in a text that was parsed; undefined for nothing. */
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
