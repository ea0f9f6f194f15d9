import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  Scalar,
  type Document,
  type Node,
  type YAMLParseError,
} from 'yaml'
import type { Position } from '../registries.ts'
import { findStrictProblem } from './yaml-strictness.ts'

/** A node of a YAML document before any type is read into it. */
export type YamlNode = YamlScalar | YamlMapping | YamlSequence | YamlAlias

/** Text: `isPlain` where it is not quoted and no block, `tag` where one is written (`tag:yaml.org,2002:int`, `!mine`). */
export interface YamlScalar {
  readonly kind: 'scalar'
  readonly text: string
  readonly isPlain: boolean
  readonly tag: string | undefined
  readonly position: Position
}

/** Keys and values in the file's order, duplicates among them. */
export interface YamlMapping {
  readonly kind: 'mapping'
  readonly entries: readonly (readonly [key: YamlNode, value: YamlNode])[]
  readonly position: Position
}

/** The items of a list. */
export interface YamlSequence {
  readonly kind: 'sequence'
  readonly items: readonly YamlNode[]
  readonly position: Position
}

/** `*name`; the node may contain this very alias. */
export interface YamlAlias {
  readonly kind: 'alias'
  readonly node: YamlNode
  readonly position: Position
}

/** Why a text is no YAML; the sentence quotes nothing of it. */
export interface YamlProblem {
  readonly why: string
  readonly position: Position
}

/** The first document of a text. */
export interface YamlDocument {
  /** Undefined for a text without any content. */
  readonly root: YamlNode | undefined
  /** The first thing that is no YAML; the root is undefined then. */
  readonly problem: YamlProblem | undefined
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

/** Turns the parser's nodes into ours; an alias is the node that last had the anchor, as the file is read. */
class Converter {
  readonly #anchors = new Map<string, YamlNode>()
  readonly #position: (offset: number | undefined) => Position
  unknownAlias: Position | undefined

  constructor(position: (offset: number | undefined) => Position) {
    this.#position = position
  }

  convert(node: Node | null | undefined, parent: Position): YamlNode {
    if (node === null || node === undefined) return this.#nothing(parent)
    const position = this.#position(node.range?.[0])
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source)
      if (target === undefined) this.unknownAlias ??= position
      return { kind: 'alias', node: target ?? this.#nothing(position), position }
    }
    if (isScalar(node)) {
      const { value, tag } = node
      return this.#anchored(node, {
        kind: 'scalar',
        text: typeof value === 'string' ? value : (node.source ?? ''),
        isPlain: node.type === Scalar.PLAIN || node.type === undefined,
        tag,
        position,
      })
    }
    // The anchor is known before the children are: an alias among them means its own parent.
    if (isMap(node)) {
      const entries: (readonly [YamlNode, YamlNode])[] = []
      const mapping = this.#anchored(node, { kind: 'mapping', entries, position })
      for (const { key, value } of node.items as readonly { key: Node | null; value: Node | null }[]) {
        const converted = this.convert(key, position)
        entries.push([converted, this.convert(value, converted.position)])
      }
      return mapping
    }
    const items: YamlNode[] = []
    const sequence = this.#anchored(node, { kind: 'sequence', items, position })
    if (isSeq(node)) for (const item of node.items) items.push(this.convert(item as Node | null, position))
    return sequence
  }

  #anchored<T extends YamlNode>(node: Node, converted: T): T {
    const { anchor } = node as { anchor?: string }
    if ((isScalar(node) || isCollection(node)) && anchor !== undefined) this.#anchors.set(anchor, converted)
    return converted
  }

  #nothing(position: Position): YamlScalar {
    return { kind: 'scalar', text: '', isPlain: true, tag: undefined, position }
  }
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
const maxNesting = 500

/** True for more brackets that are open at once, or more entries that begin on one line, than anybody writes. */
function isNestedTooDeeply(text: string): boolean {
  let depth = 0
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth = bracket === '[' || bracket === '{' ? depth + 1 : Math.max(0, depth - 1)
    if (depth > maxNesting) return true
  }
  return new RegExp(`^[ \\t]*(?:[-?:][ \\t]+){${maxNesting}}`, 'm').test(text)
}

/** Between brackets, and before the one that closes them, K3s' parser does not look at indentation: where such a line begins that ours refuses. */
function startOfLooseLine(text: string, { code, message, pos }: YAMLParseError): number | undefined {
  if (code !== 'BAD_INDENT' || !message.startsWith('Flow ')) return undefined
  const start = text.lastIndexOf('\n', pos[0] - 1) + 1
  return text.startsWith(' '.repeat(indentation), start) ? undefined : start
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
  const start = earliest === undefined ? undefined : startOfLooseLine(text, earliest)
  if (start !== undefined && indented.size < Math.min(mostIndented, mostParsedAgain / text.length)) {
    const line = lines.linePos(start).line
    return parseOnce(`${text.slice(0, start)}${' '.repeat(indentation)}${text.slice(start)}`, new Map([...indented, [line, indentation]]))
  }
  return {
    text,
    indented,
    first,
    second: isEmpty(second) ? undefined : second?.range?.[0],
    error: earliest && explain(text, earliest.code, earliest.pos[0]),
    position: (offset = 0) => {
      const { line, col } = lines.linePos(offset)
      return line === 0 ? { line: 1, column: 1 } : { line, column: col - (indented.get(line) ?? 0) }
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
  const refused = (why: string, at: Position): YamlDocument => ({
    root: undefined,
    problem: { why: `invalid YAML: ${why}`, position: at },
    rest: undefined,
  })
  // A carriage return alone ends a line too.
  const source = text.replace(/^\uFEFF/, '').replace(/\r(?!\n)/g, '\n')
  if (isNestedTooDeeply(source)) return refused('it is nested too deeply', { line: 1, column: 1 })
  try {
    let parsed = parseOnce(source)
    const { error } = parsed
    const restAt = error !== undefined && isPastRoot(parsed, error.offset) ? error.offset : undefined
    const read = restAt === undefined ? parsed.text : parsed.text.slice(0, restAt)
    if (restAt !== undefined) parsed = parseOnce(read, parsed.indented)
    const { first, second, position } = parsed
    if (parsed.error !== undefined) return refused(parsed.error.why, position(parsed.error.offset))
    if (first === undefined) return { root: undefined, problem: undefined, rest: undefined }
    const strict = findStrictProblem(second === undefined ? read : read.slice(0, second), first)
    if (strict !== undefined) return refused(strict.why, position(strict.offset))
    const converter = new Converter(position)
    const root = converter.convert(first.contents, { line: 1, column: 1 })
    if (converter.unknownAlias !== undefined) return refused(problems['BAD_ALIAS'] ?? '', converter.unknownAlias)
    const rest = restAt ?? second
    return { root, problem: undefined, rest: rest === undefined ? undefined : position(rest) }
  } catch (error) {
    if (error instanceof RangeError) return refused('it is nested too deeply', { line: 1, column: 1 })
    throw error
  }
}
