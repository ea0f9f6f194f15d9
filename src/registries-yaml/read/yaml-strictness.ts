import { isAlias, isCollection, isNode, isScalar, Scalar, visit, type Document } from 'yaml'

/** Something that K3s' parser refuses and ours would let pass: a sentence and the offset. */
export interface StrictProblem {
  readonly why: string
  readonly offset: number
}

// what libyaml takes: https://yaml.org/spec/1.1/#c-printable
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const unprintable = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

/** Spans of a text in which tabs are allowed: quoted and block scalars, and flow collections. */
function spansOf(document: Document): readonly (readonly [start: number, end: number])[] {
  const spans: (readonly [number, number])[] = []
  visit(document, (_, node) => {
    const isSpan = (isScalar(node) && node.type !== Scalar.PLAIN) || (isCollection(node) && node.flow === true)
    if (isSpan && node.range) spans.push([node.range[0], node.range[1]])
  })
  return spans
}

function* matchesOf(pattern: RegExp, text: string): Iterable<number> {
  for (const match of text.matchAll(pattern)) yield match.index
}

/** Tabs where a block's next line is expected: alone on a line, before a comment, or behind the dash of a list. */
function findTab(text: string, document: Document): number | undefined {
  const spans = spansOf(document)
  for (const start of matchesOf(/^ *(?:- *)*\t[\t ]*(?=#|$)|^ *-(?: *-)* *\t/gm, text)) {
    const offset = text.indexOf('\t', start)
    if (!spans.some(([from, to]) => from < offset && offset < to)) return offset
  }
  return undefined
}

/** `\/`, halves of surrogate pairs: JSON has them, and YAML 1.1 does not. */
function findEscape(text: string, document: Document): number | undefined {
  let found: number | undefined
  visit(document, {
    Scalar(_, node) {
      if (node.type !== Scalar.QUOTE_DOUBLE || !node.range) return undefined
      const [start, end] = node.range
      const match = /^(?:[^\\]|\\[^/u]|\\u(?![dD][89a-fA-F]))*?(?=\\\/|\\u[dD][89a-fA-F])/.exec(text.slice(start, end))
      if (match === null) return undefined
      found = start + match[0].length
      return visit.BREAK
    },
  })
  return found
}

/** Directives before the first document: K3s' parser knows YAML 1.1 and tags. */
function findDirective(text: string): number | undefined {
  const prelude = /^(?:(?:%[^\n]*|[ \t]*(?:#[^\n]*)?)(?:\n|$))*/.exec(text)?.[0] ?? ''
  for (const match of prelude.matchAll(/^%(.*)$/gm)) {
    const [name, value] = (match[1] ?? '').trim().split(/[ \t]+/)
    if (name !== 'TAG' && !(name === 'YAML' && value === '1.1')) return match.index
  }
  return undefined
}

function findAnchor(document: Document): number | undefined {
  let found: number | undefined
  visit(document, (_, node) => {
    if (!isNode(node)) return undefined
    const name = isAlias(node) ? node.source : node.anchor
    if (name === undefined || /^[\w-]+$/.test(name)) return undefined
    found = node.range?.[0] ?? 0
    return visit.BREAK
  })
  return found
}

/** A question mark in a plain scalar of a flow collection, as in `[https://host?query]`. */
function findQuestionMark(document: Document): number | undefined {
  let found: number | undefined
  visit(document, {
    Scalar(_, { type, source, range }, ancestors) {
      const isInFlow = ancestors.some((ancestor) => isCollection(ancestor) && ancestor.flow === true)
      if (!isInFlow || type !== Scalar.PLAIN || source?.includes('?') !== true) return undefined
      found = range?.[0] ?? 0
      return visit.BREAK
    },
  })
  return found
}

/** A key in braces whose colon has its value right behind it, as in `{endpoint:[a]}`: YAML 1.1 reads the colon as a part of the key. */
function findTightColon(text: string, document: Document): number | undefined {
  let found: number | undefined
  visit(document, {
    Pair(_, { key }, ancestors) {
      const parent = ancestors.at(-1)
      if (!isCollection(parent) || parent.flow !== true || !isScalar(key) || key.type !== Scalar.PLAIN || !key.range) return undefined
      if (!/^:[^\s,[\]{}]|^:[[{]/.test(text.slice(key.range[1], key.range[1] + 2))) return undefined
      found = key.range[0]
      return visit.BREAK
    },
  })
  return found
}

/** The first thing that libyaml, which K3s' parser is a translation of, refuses in a text that was parsed; undefined for nothing. */
export function findStrictProblem(text: string, document: Document): StrictProblem | undefined {
  const control = unprintable.exec(text)
  const found: readonly (readonly [offset: number | undefined, why: string])[] = [
    [control?.index, 'a control character'],
    [findDirective(text), 'a directive other than "%YAML 1.1" and "%TAG"'],
    [findTab(text, document), 'a tab where only spaces may be'],
    [findEscape(text, document), 'an escape in a quoted string that JSON has and YAML 1.1 has not'],
    [findQuestionMark(document), 'a question mark in a list or mapping in brackets; the value belongs in quotes'],
    [findTightColon(text, document), 'a colon without a space behind it in a mapping in braces'],
    [findAnchor(document), 'the name of an anchor has other characters than letters, digits, "_" and "-"'],
  ]
  const problems = found.flatMap(([offset, why]) => (offset === undefined ? [] : [{ why, offset }]))
  return problems.toSorted((a, b) => a.offset - b.offset)[0]
}
