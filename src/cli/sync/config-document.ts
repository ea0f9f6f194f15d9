import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, Scalar, type Document, type Node } from 'yaml'
import type { Position } from '../../registries-yaml/registries.ts'
import { isTooDeep } from '../../yaml/is-too-deep.ts'
import { expandVariables } from './expand-variables.ts'

/** Keys and list indices from the top of the file down. */
export type ConfigPath = readonly (string | number)[]

/** Something wrong in a configuration. */
export interface ConfigProblem {
  readonly position: Position
  readonly why: string
  readonly hint?: string | undefined
}

/** A configuration as plain data, with the positions of its keys and values. */
export interface ConfigDocument {
  /** Undefined where the text is not YAML. */
  readonly value: unknown
  /** What the data does not show: syntax, variables. */
  readonly problems: readonly ConfigProblem[]
  /** The position of a value, or of its nearest parent. */
  readonly positionOf: (path: ConfigPath) => Position
  /** The same of the key of a value. */
  readonly keyPositionOf: (path: ConfigPath) => Position
}

/** Values of a file, those behind aliases counted at each alias. */
const mostValues = 20_000

/** Levels of keys and lists; the format has four. */
const mostLevels = 20

const start: Position = { line: 1, column: 1 }

const syntaxHint = 'correct the YAML; an editor shows the place'

/** Thrown where the rest cannot be read either. */
class Unreadable extends Error {}

/** Reads one document. `environment` has the variables for `${NAME}` in values. */
class DocumentReader {
  readonly problems: ConfigProblem[] = []
  readonly values = new Map<string, Position>()
  readonly keys = new Map<string, Position>()
  readonly #document: Document
  readonly #lines: LineCounter
  readonly #environment: NodeJS.ProcessEnv
  #count = 0

  constructor(document: Document, lines: LineCounter, environment: NodeJS.ProcessEnv) {
    this.#document = document
    this.#lines = lines
    this.#environment = environment
  }

  position(offset: number | undefined): Position {
    const { line, col } = this.#lines.linePos(offset ?? 0)
    return line === 0 ? start : { line, column: col }
  }

  read(node: Node | null, path: ConfigPath): unknown {
    if (++this.#count > mostValues) this.#refuse(node, `more than ${mostValues} values, aliases included`)
    if (path.length > mostLevels) this.#refuse(node, 'nested too deeply')
    const at = JSON.stringify(path)
    if (node !== null && !this.values.has(at)) this.values.set(at, this.position(node.range?.[0]))
    if (isAlias(node)) {
      const target = node.resolve(this.#document)
      if (target === undefined) return this.#refuse(node, 'an alias without an anchor')
      return this.read(target, path)
    }
    if (isSeq<Node | null>(node)) return node.items.map((item, index) => this.read(item, [...path, index]))
    if (isMap<Node | null, Node | null>(node)) {
      return Object.fromEntries(
        node.items.map(({ key, value }) => {
          const name = isScalar(key) ? String(key.value) : this.#refuse(key ?? node, 'a key that is not a string')
          this.keys.set(JSON.stringify([...path, name]), this.position(key?.range?.[0]))
          return [name, this.read(value, [...path, name])]
        }),
      )
    }
    return isScalar(node) ? this.#scalar(node) : null
  }

  #scalar(node: Scalar): unknown {
    const { value } = node
    if (typeof value !== 'string') return value
    const expanded = expandVariables(value, this.#environment)
    if (typeof expanded !== 'string') {
      this.problems.push({ position: this.position(node.range?.[0]), ...expanded })
      return value
    }
    // A number or a switch may come from a variable; quotes keep it a string.
    if (expanded === value || node.type !== Scalar.PLAIN) return expanded
    if (/^(?:0|[1-9][0-9]{0,8})$/.test(expanded)) return Number(expanded)
    return expanded === 'true' || expanded === 'false' ? expanded === 'true' : expanded
  }

  #refuse(node: Node | null, why: string): never {
    this.problems.push({ position: this.position(node?.range?.[0]), why, hint: syntaxHint })
    throw new Unreadable()
  }
}

/** Parses YAML 1.2 (https://yaml.org/spec/1.2.2/) and replaces `${NAME}` in its values, so that no value of a variable becomes YAML. */
export function readConfigDocument(source: string, environment: NodeJS.ProcessEnv): ConfigDocument {
  const failed = (why: string, position: Position): ConfigDocument => {
    const problem = { position, why, hint: syntaxHint }
    return { value: undefined, problems: [problem], positionOf: () => position, keyPositionOf: () => position }
  }
  const text = source.replace(/^\uFEFF/, '')
  if (isTooDeep(text)) return failed('nested too deeply', start)
  const lines = new LineCounter()
  let reader: DocumentReader | undefined
  try {
    const documents = parseAllDocuments(text, {
      version: '1.2',
      schema: 'core',
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'silent',
    })
    const [document, second] = Array.isArray(documents) ? (documents as readonly Document[]) : []
    if (document === undefined) return failed('the file is empty', start)
    reader = new DocumentReader(document, lines, environment)
    const [error] = [...document.errors, ...document.warnings].toSorted((a, b) => a.pos[0] - b.pos[0])
    if (error !== undefined) {
      const why = error.code === 'DUPLICATE_KEY' ? 'the key is given twice' : `invalid YAML: ${error.message}`
      return failed(why, reader.position(error.pos[0]))
    }
    if (second !== undefined) return failed('a second document; only one is supported', reader.position(second.range?.[0]))
    const value = reader.read(document.contents, [])
    const { problems, values, keys } = reader
    const nearest = (positions: ReadonlyMap<string, Position>, path: ConfigPath): Position => {
      for (let length = path.length; length >= 0; length--) {
        const key = JSON.stringify(path.slice(0, length))
        const position = (length === path.length ? positions.get(key) : undefined) ?? values.get(key)
        if (position !== undefined) return position
      }
      return start
    }
    return { value, problems, positionOf: (path) => nearest(values, path), keyPositionOf: (path) => nearest(keys, path) }
  } catch (error) {
    if (error instanceof RangeError) return failed('nested too deeply', start)
    const [problem] = error instanceof Unreadable ? (reader?.problems ?? []) : []
    if (problem === undefined) throw error
    return failed(problem.why, problem.position)
  }
}
