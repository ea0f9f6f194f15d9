import { isCollection, isScalar, LineCounter, parseAllDocuments, type Alias, type Document, type Node, type YAMLParseError } from 'yaml'
import { isTooDeep } from '../../yaml/is-too-deep.ts'
import { resolveAliases } from '../../yaml/resolve-aliases.ts'
import { syntaxProblems } from '../../yaml/syntax-problems.ts'
import type { Position } from '../registries.ts'
import { findStrictProblem } from './yaml-strictness.ts'

/** The first document of a text. */
export interface YamlDocument {
  /** Null for an empty text; undefined for invalid YAML. */
  readonly root: Node | null | undefined
  /** The node that each alias refers to, which may contain the same alias. */
  readonly targets: ReadonlyMap<Alias, Node>
  /** The first syntax error. */
  readonly problem: { readonly why: string; readonly position: Position } | undefined
  /** Returns the position of a node. */
  readonly positionOf: (node: Node) => Position
  /** Returns the first offset of a node in the text and the first after it, without the text's anchor and tag before it. */
  readonly rangeOf: (node: Node) => readonly [start: number, end: number]
  /** The position of text that K3s ignores: a second document, or text after the end of the first. */
  readonly rest: Position | undefined
}

/** The result of one run of the parser. */
interface Parsed {
  /** The parsed text, in which some lines may have more indentation than in the file. */
  readonly text: string
  readonly indented: ReadonlyMap<number, number>
  readonly first: Document | undefined
  /** Offset of a second document. */
  readonly second: number | undefined
  readonly error: { readonly why: string; readonly offset: number } | undefined
  readonly position: (offset: number | undefined) => Position
  /** The offset in the file. */
  readonly original: (offset: number | undefined) => number
}

/** True for a document with only comments. */
function isEmpty(document: Document | undefined): boolean {
  const contents = document?.contents
  return document?.errors.length === 0 && (contents === null || (isScalar(contents) && contents.source === ''))
}

/** After an unquoted wildcard the parser reports another error further down, so this reports the wildcard. */
function explain(text: string, code: string, offset: number): NonNullable<Parsed['error']> {
  const star = /^( *)\*(?![\w-])/m.exec(text)
  return star !== null && star.index <= offset
    ? { why: syntaxProblems['BAD_ALIAS'] ?? '', offset: star.index + (star[1]?.length ?? 0) }
    : { why: syntaxProblems[code] ?? 'syntax error', offset }
}

/** Extra indentation for lines where our parser requires more than K3s' parser, and the number of such lines. */
const indentation = 200
const mostIndented = 100
/** Characters to parse again at most because of such lines. */
const mostParsedAgain = 2_000_000
const start: Position = { line: 1, column: 1 }

/** The start of a line between brackets whose indentation our parser rejects; K3s' parser ignores it there. */
function startOfLooseLine(text: string, { code, message, pos }: YAMLParseError): number | undefined {
  if (code !== 'BAD_INDENT' || !message.startsWith('Flow ')) return undefined
  const offset = text.lastIndexOf('\n', pos[0] - 1) + 1
  return text.startsWith(' '.repeat(indentation), offset) ? undefined : offset
}

/** `indented` contains the lines with extra spaces, and how many. */
function parseOnce(text: string, indented: ReadonlyMap<number, number> = new Map()): Parsed {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, {
    version: '1.1',
    schema: 'failsafe',
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: 'silent',
  })
  const [first, second] = Array.isArray(documents) ? (documents as readonly Document[]) : []
  const [earliest] = first?.errors.toSorted((a, b) => a.pos[0] - b.pos[0]) ?? []
  const loose = earliest === undefined ? undefined : startOfLooseLine(text, earliest)
  if (loose !== undefined && indented.size < Math.min(mostIndented, mostParsedAgain / text.length)) {
    const line = lines.linePos(loose).line
    return parseOnce(`${text.slice(0, loose)}${' '.repeat(indentation)}${text.slice(loose)}`, new Map([...indented, [line, indentation]]))
  }
  return {
    text,
    indented,
    first,
    second: isEmpty(second) ? undefined : second?.range?.[0],
    error: earliest && explain(text, earliest.code, earliest.pos[0]),
    position: (offset = 0) => {
      const { line, col } = lines.linePos(offset)
      return line === 0 ? start : { line, column: col - (indented.get(line) ?? 0) }
    },
    original: (offset = 0) => {
      const added = [...indented].filter(([line]) => (lines.lineStarts[line - 1] ?? 0) < offset)
      return added.reduce((rest, [, spaces]) => rest - spaces, offset)
    },
  }
}

/** True for an offset after the root: after a flow collection or a scalar, or to the left of an indented block. */
function isPastRoot({ first, position }: Parsed, offset: number): boolean {
  const root = first?.contents
  if (!root?.range || offset < root.range[1]) return false
  const isBlock = isCollection(root) && root.flow !== true
  return !isBlock || position(root.range[0]).column > position(offset).column
}

/** Parses the first document, without types: https://yaml.org/spec/1.1/ */
export function parseYaml(text: string): YamlDocument {
  const nothing = {
    root: undefined,
    targets: new Map(),
    problem: undefined,
    rest: undefined,
    positionOf: () => start,
    rangeOf: () => [0, 0] as const,
  }
  const refused = (why: string, position: Position): YamlDocument => ({ ...nothing, problem: { why: `invalid YAML: ${why}`, position } })
  // A single carriage return also ends a line.
  const mark = text.startsWith('\uFEFF') ? 1 : 0
  const source = text.slice(mark).replace(/\r(?!\n)/g, '\n')
  if (isTooDeep(source)) return refused('nested too deeply', start)
  try {
    let parsed = parseOnce(source)
    const { error } = parsed
    const restAt = error !== undefined && isPastRoot(parsed, error.offset) ? error.offset : undefined
    const read = restAt === undefined ? parsed.text : parsed.text.slice(0, restAt)
    if (restAt !== undefined) parsed = parseOnce(read, parsed.indented)
    const { first, second, position, original } = parsed
    if (parsed.error !== undefined) return refused(parsed.error.why, position(parsed.error.offset))
    if (first === undefined) return nothing
    const strict = findStrictProblem(second === undefined ? read : read.slice(0, second), first)
    if (strict !== undefined) return refused(strict.why, position(strict.offset))
    const { targets, unknown } = resolveAliases(first)
    if (unknown !== undefined) return refused(syntaxProblems['BAD_ALIAS'] ?? '', position(unknown.range?.[0]))
    const rest = restAt ?? second
    return {
      root: first.contents,
      targets,
      problem: undefined,
      rest: rest === undefined ? undefined : position(rest),
      positionOf: (node) => position(node.range?.[0]),
      rangeOf: (node) => [mark + original(node.range?.[0]), mark + original(node.range?.[1])],
    }
  } catch (error) {
    if (error instanceof RangeError) return refused('nested too deeply', start)
    throw error
  }
}
