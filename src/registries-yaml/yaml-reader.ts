import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, Scalar, type Document, type Node, type YAMLMap } from 'yaml'
import { MirrorError } from '../errors.ts'

/** One value of the file. */
export interface YamlValue {
  readonly node: Node | null
  /** What it is called in messages: `configs."host".auth.username`. */
  readonly name: string
}

const maxAliases = 100
// names for what the parser finds, because its own messages quote the file
const problems: Readonly<Record<string, string>> = {
  ALIAS_PROPS: 'an alias with properties',
  BAD_ALIAS: 'a malformed or unknown alias',
  BAD_DQ_ESCAPE: 'an unknown escape in a quoted string',
  BAD_INDENT: 'wrong indentation',
  BAD_SCALAR_START: 'a value that begins with a reserved character',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping where a plain value belongs',
  DUPLICATE_KEY: 'a key that occurs twice',
  MISSING_CHAR: 'a missing character, often a quote or a colon',
  MULTILINE_IMPLICIT_KEY: 'a key over several lines',
  TAB_AS_INDENT: 'a tab as indentation',
  UNEXPECTED_TOKEN: 'something unexpected',
}

/** A YAML file as K3s reads it, YAML 1.1 and only its first document; every refusal is INVALID_CONFIG with file, line and column, and quotes nothing. */
export class YamlReader {
  readonly #path: string
  readonly #lines = new LineCounter()
  readonly #document: Document | undefined

  constructor(path: string, text: string) {
    this.#path = path
    const [first] = this.#parse(text)
    this.#document = first
    const [error] = first?.errors ?? []
    if (error !== undefined) throw this.refuse(error.pos[0], `invalid YAML: ${problems[error.code] ?? 'it cannot be parsed'}`)
    this.#refuseAliasBomb()
  }

  #parse(text: string): readonly Document[] {
    try {
      return parseAllDocuments(text.replace(/^\uFEFF/, ''), {
        version: '1.1',
        lineCounter: this.#lines,
        prettyErrors: false,
        logLevel: 'silent',
      })
    } catch {
      throw this.refuse(null, 'invalid YAML: it is nested too deeply')
    }
  }

  /** The whole first document. */
  get root(): YamlValue {
    return { node: this.#document?.contents ?? null, name: 'the file' }
  }

  /** The entries of a mapping by key, merged ones (`<<`) included; none for nothing at all. */
  entries({ node, name }: YamlValue): ReadonlyMap<string, YamlValue> {
    const entries = new Map<string, YamlValue>()
    const map = this.#resolve(node)
    if (isNothing(map)) return entries
    if (!isMap(map)) throw this.refuse(map, `${name} is not a mapping`)
    const merged: YAMLMap[] = []
    for (const { key, value } of map.items as readonly { key: Node; value: Node | null }[]) {
      const text = this.text({ node: key, name: 'a key' })
      if (text === '<<' && isScalar(key) && key.type === Scalar.PLAIN) merged.push(...this.#merged(value))
      else
        entries.set(text, {
          node: value,
          name: name === 'the file' ? text : `${name}.${/^[\w-]+$/.test(text) ? text : JSON.stringify(text.slice(0, 100))}`,
        })
    }
    for (const other of merged)
      for (const [key, value] of this.entries({ node: other, name })) if (!entries.has(key)) entries.set(key, value)
    return entries
  }

  /** A string: the source text of what is not quoted, so that `0123` and `yes` stay what they are; empty for nothing at all. */
  text({ node, name }: YamlValue): string {
    const scalar = this.#resolve(node)
    if (isNothing(scalar)) return ''
    if (!isScalar(scalar)) throw this.refuse(scalar, `${name} is not a string`)
    return typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? '')
  }

  /** A YAML 1.1 boolean (`yes`, `on`, `true`), not quoted; false for nothing at all. */
  boolean({ node, name }: YamlValue): boolean {
    const scalar = this.#resolve(node)
    if (isNothing(scalar)) return false
    if (!isScalar(scalar) || typeof scalar.value !== 'boolean') throw this.refuse(scalar, `${name} is not true or false`)
    return scalar.value
  }

  /** The INVALID_CONFIG for something in this file. */
  refuse(at: Node | number | null, why: string): MirrorError {
    const offset = typeof at === 'number' ? at : at?.range?.[0]
    const place = offset === undefined ? undefined : this.#lines.linePos(offset)
    const where = place === undefined ? this.#path : `${this.#path}:${place.line}:${place.col}`
    return new MirrorError('INVALID_CONFIG', `${where}: ${why}`, {
      hint: 'Correct the file; https://docs.k3s.io/installation/private-registry describes it.',
    })
  }

  #resolve(node: Node | null): Node | null {
    return isAlias(node) && this.#document !== undefined ? (node.resolve(this.#document) ?? null) : node
  }

  #merged(value: Node | null): readonly YAMLMap[] {
    const node = this.#resolve(value)
    const maps = isSeq(node) ? node.items.map((item) => this.#resolve(item as Node)) : [node]
    return maps.map((map) => {
      if (!isMap(map)) throw this.refuse(node, 'what "<<" merges is not a mapping')
      return map
    })
  }

  #refuseAliasBomb(): void {
    try {
      this.#document?.toJS({ maxAliasCount: maxAliases })
    } catch {
      throw this.refuse(null, 'invalid YAML: aliases that cannot be resolved, or that unfold to far too much')
    }
  }
}

function isNothing(node: Node | null): node is null {
  return node === null || (isScalar(node) && node.value === null)
}
