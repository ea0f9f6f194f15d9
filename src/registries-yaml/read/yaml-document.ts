import {
  isAlias,
  isCollection,
  isNode,
  isScalar,
  LineCounter,
  parseAllDocuments,
  visit,
  type Alias,
  type Document,
  type Node,
  type YAMLParseError,
} from 'yaml'
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
  /** The position of text that K3s ignores: a second document, or text after the end of the first. */
  readonly rest: Position | undefined
}

// Our own messages, because those of the parser quote the file.
const problems: Readonly<Record<string, string>> = {
  ALIAS_PROPS: 'alias with properties',
  BAD_ALIAS: '"*" without quotes',
  BAD_DQ_ESCAPE: 'unknown escape in a quoted string',
  BAD_INDENT: 'wrong indentation',
  BAD_SCALAR_START: 'unquoted value that begins with a reserved character',
  BLOCK_AS_IMPLICIT_KEY: 'mapping instead of a single value',
  MISSING_CHAR: 'missing character, often a quote or a colon',
  MULTILINE_IMPLICIT_KEY: 'key with several lines',
  TAB_AS_INDENT: 'tab in the indentation',
  UNEXPECTED_TOKEN: 'unexpected token',
}

/** Finds the node of each alias, which is the last one before it with the anchor, and the first alias without an anchor. */
function resolveAliases(document: Document): { readonly targets: ReadonlyMap<Alias, Node>; readonly unknown: Alias | undefined } {
  const anchors = new Map<string, Node>()
  const targets = new Map<Alias, Node>()
  let unknown: Alias | undefined
  visit(document, (_, node) => {
    if (isAlias(node)) {
      const target = anchors.get(node.source)
      if (target === undefined) unknown ??= node
      else targets.set(node, target)
    } else if (isNode(node) && node.anchor !== undefined) anchors.set(node.anchor, node)
  })
  return { targets, unknown }
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
    ? { why: problems['BAD_ALIAS'] ?? '', offset: star.index + (star[1]?.length ?? 0) }
    : { why: problems[code] ?? 'syntax error', offset }
}

/** Extra indentation for lines where our parser requires more than K3s' parser, and the number of such lines. */
const indentation = 200
const mostIndented = 100
/** Characters to parse again at most because of such lines. */
const mostParsedAgain = 2_000_000
/** A stack overflow can end the process without an error to catch. */
const maxYamlDepth = 500
const start: Position = { line: 1, column: 1 }

/** True for too many open brackets, or too many nested entries on one line, in which a parser could overflow its stack. */
export function isTooDeep(text: string): boolean {
  let depth = 0
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth = bracket === '[' || bracket === '{' ? depth + 1 : Math.max(0, depth - 1)
    if (depth > maxYamlDepth) return true
  }
  return new RegExp(`^[ \\t]*(?:[-?:][ \\t]+){${maxYamlDepth}}`, 'm').test(text)
}

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
  const nothing = { root: undefined, targets: new Map(), problem: undefined, rest: undefined, positionOf: () => start }
  const refused = (why: string, position: Position): YamlDocument => ({ ...nothing, problem: { why: `invalid YAML: ${why}`, position } })
  // A single carriage return also ends a line.
  const source = text.replace(/^\uFEFF/, '').replace(/\r(?!\n)/g, '\n')
  if (isTooDeep(source)) return refused('nested too deeply', start)
  try {
    let parsed = parseOnce(source)
    const { error } = parsed
    const restAt = error !== undefined && isPastRoot(parsed, error.offset) ? error.offset : undefined
    const read = restAt === undefined ? parsed.text : parsed.text.slice(0, restAt)
    if (restAt !== undefined) parsed = parseOnce(read, parsed.indented)
    const { first, second, position } = parsed
    if (parsed.error !== undefined) return refused(parsed.error.why, position(parsed.error.offset))
    if (first === undefined) return nothing
    const strict = findStrictProblem(second === undefined ? read : read.slice(0, second), first)
    if (strict !== undefined) return refused(strict.why, position(strict.offset))
    const { targets, unknown } = resolveAliases(first)
    if (unknown !== undefined) return refused(problems['BAD_ALIAS'] ?? '', position(unknown.range?.[0]))
    const rest = restAt ?? second
    return {
      root: first.contents,
      targets,
      problem: undefined,
      rest: rest === undefined ? undefined : position(rest),
      positionOf: (node) => position(node.range?.[0]),
    }
  } catch (error) {
    if (error instanceof RangeError) return refused('nested too deeply', start)
    throw error
  }
}
