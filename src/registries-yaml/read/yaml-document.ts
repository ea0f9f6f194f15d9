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
  /** Null for a text without any content; undefined for one that is no YAML. */
  readonly root: Node | null | undefined
  /** The node that each alias means; it may contain this very alias. */
  readonly targets: ReadonlyMap<Alias, Node>
  /** The first thing that is no YAML. */
  readonly problem: { readonly why: string; readonly position: Position } | undefined
  /** Where a node begins. */
  readonly positionOf: (node: Node) => Position
  /** Where something begins that nobody reads: a second document, or text behind the end of the first. */
  readonly rest: Position | undefined
}

// names for what the parser finds, because its own messages quote the file
const problems: Readonly<Record<string, string>> = {
  ALIAS_PROPS: 'an alias with properties',
  BAD_ALIAS: 'a "*" that is not the alias of an anchor; a key or value that begins with it belongs in quotes',
  BAD_DQ_ESCAPE: 'an unknown escape in a quoted string',
  BAD_INDENT: 'wrong indentation',
  BAD_SCALAR_START: 'a value that begins with a reserved character and is not quoted',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping where a plain value belongs',
  MISSING_CHAR: 'a missing character, often a quote or a colon',
  MULTILINE_IMPLICIT_KEY: 'a key over several lines',
  TAB_AS_INDENT: 'a tab as indentation',
  UNEXPECTED_TOKEN: 'something unexpected',
}

/** The node that each alias means, which is the last before it that has the anchor; or the first alias that means none. */
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

/** A text that went through the parser once. */
interface Parsed {
  /** What was parsed: some of its lines may be indented more than in the file. */
  readonly text: string
  readonly indented: ReadonlyMap<number, number>
  readonly first: Document | undefined
  /** Offset of a second document. */
  readonly second: number | undefined
  readonly error: { readonly why: string; readonly offset: number } | undefined
  readonly position: (offset: number | undefined) => Position
}

/** A document of nothing but comments. */
function isEmpty(document: Document | undefined): boolean {
  const contents = document?.contents
  return document?.errors.length === 0 && (contents === null || (isScalar(contents) && contents.source === ''))
}

/** The wildcard without its quotes makes the parser stumble somewhere behind it, over something else. */
function explain(text: string, code: string, offset: number): NonNullable<Parsed['error']> {
  const star = /^( *)\*(?![\w-])/m.exec(text)
  return star !== null && star.index <= offset
    ? { why: problems['BAD_ALIAS'] ?? '', offset: star.index + (star[1]?.length ?? 0) }
    : { why: problems[code] ?? 'it cannot be parsed', offset }
}

/** Spaces that a line is indented by where our parser wants more than K3s' own, and lines that are. */
const indentation = 200
const mostIndented = 100
/** Characters that are parsed again at most for the sake of such lines. */
const mostParsedAgain = 2_000_000
/** Near the end of the stack, the process may end where no error can be caught. */
const maxYamlDepth = 500
const start: Position = { line: 1, column: 1 }

/** True for more brackets that are open at once, or more entries that begin on one line, than anybody writes. */
function isTooDeep(text: string): boolean {
  let depth = 0
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth = bracket === '[' || bracket === '{' ? depth + 1 : Math.max(0, depth - 1)
    if (depth > maxYamlDepth) return true
  }
  return new RegExp(`^[ \\t]*(?:[-?:][ \\t]+){${maxYamlDepth}}`, 'm').test(text)
}

/** Between brackets, and before the one that closes them, K3s' parser does not look at indentation: where such a line begins that ours refuses. */
function startOfLooseLine(text: string, { code, message, pos }: YAMLParseError): number | undefined {
  if (code !== 'BAD_INDENT' || !message.startsWith('Flow ')) return undefined
  const offset = text.lastIndexOf('\n', pos[0] - 1) + 1
  return text.startsWith(' '.repeat(indentation), offset) ? undefined : offset
}

/** `indented` says which lines have more spaces than the file, and how many. */
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

/** True where the root is over before this offset: behind a flow collection or a scalar, or to the left of an indented block. */
function isPastRoot({ first, position }: Parsed, offset: number): boolean {
  const root = first?.contents
  if (!root?.range || offset < root.range[1]) return false
  const isBlock = isCollection(root) && root.flow !== true
  return !isBlock || position(root.range[0]).column > position(offset).column
}

/** Reads the first document, without types: https://yaml.org/spec/1.1/ */
export function parseYaml(text: string): YamlDocument {
  const nothing = { root: undefined, targets: new Map(), problem: undefined, rest: undefined, positionOf: () => start }
  const refused = (why: string, position: Position): YamlDocument => ({ ...nothing, problem: { why: `invalid YAML: ${why}`, position } })
  // A carriage return alone ends a line too.
  const source = text.replace(/^\uFEFF/, '').replace(/\r(?!\n)/g, '\n')
  if (isTooDeep(source)) return refused('it is nested too deeply', start)
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
    if (error instanceof RangeError) return refused('it is nested too deeply', start)
    throw error
  }
}
