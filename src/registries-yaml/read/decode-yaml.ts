import { isAlias, isMap, isSeq, Scalar, type Alias, type Node, type YAMLMap } from 'yaml'
import type { Position } from '../registries.ts'
import type { YamlDocument } from './yaml-document.ts'
import { isMergeKey, readScalar, type YamlScalar } from './yaml-scalar.ts'

/** What a node is read as. A struct knows its keys; an optional one is undefined where nothing is written. What is unused is checked and left out. */
export type Schema =
  | { readonly type: 'string' }
  | { readonly type: 'boolean' }
  | { readonly type: 'list'; readonly of: Schema }
  | { readonly type: 'map'; readonly of: Schema; readonly isUnused?: boolean }
  | { readonly type: 'struct'; readonly fields: Fields; readonly isOptional?: boolean }

/** The keys of a struct, and what they are called in the record that is made of it, where that is something else. */
type Fields = Readonly<Record<string, Schema & { readonly as?: string }>>

/** Keys and list indices from the top of the file down. */
export type Path = readonly (string | number)[]

/** Why the file cannot be read: K3s does not start with it. */
export interface ReadProblem {
  readonly kind: 'syntax' | 'type' | 'quoted-boolean' | 'string-for-list'
  readonly path: Path
  readonly position: Position
  /** A sentence without any value of the file. */
  readonly why: string
}

/** What is read without a word and means less than it seems to. */
export type Remark =
  | { readonly kind: 'unknown-key'; readonly path: Path; readonly position: Position; readonly known: readonly string[] }
  | { readonly kind: 'duplicate-key'; readonly path: Path; readonly position: Position; readonly first: Position }
  | { readonly kind: 'unread-rest'; readonly path: Path; readonly position: Position }

/** Text, truth, lists, maps by key, and structs as records. */
type Decoded = string | boolean | undefined | Decoded[] | Map<string, Decoded> | Record<string, unknown>

interface Result {
  readonly good: boolean
  readonly value: Decoded
}

type MapNode = YAMLMap<Node | null, Node | null>

/** Thrown where the rest of the file cannot be read either. */
class Fatal extends Error {}

const nouns = { string: 'a string', boolean: 'true or false', list: 'a list', map: 'a mapping', struct: 'a mapping' } as const

function zero(schema: Schema): Decoded {
  switch (schema.type) {
    case 'string':
      return ''
    case 'boolean':
      return false
    case 'list':
      return []
    case 'map':
      return new Map()
    case 'struct':
      return schema.isOptional === true ? undefined : zeroFields(schema.fields)
  }
}

function isUnused(schema: Schema): boolean {
  return schema.type === 'map' && schema.isUnused === true
}

function usedFields(fields: Fields): readonly [string, Fields[string]][] {
  return Object.entries(fields).filter(([, schema]) => !isUnused(schema))
}

function zeroFields(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(usedFields(fields).map(([key, schema]) => [schema.as ?? key, zero(schema)]))
}

/** A scalar, or nothing where one belongs. */
function toScalar(node: Node | null): YamlScalar {
  const { value, source, type, tag } = (node ?? {}) as Partial<Scalar>
  return { text: typeof value === 'string' ? value : (source ?? ''), isPlain: type === undefined || type === Scalar.PLAIN, tag }
}

/** What leaves an optional struct undefined; `Null` and `NULL` do not, and quotes make no difference to the words. */
function leavesUndefined(node: YamlScalar): boolean {
  if (node.tag !== undefined) return node.tag === 'tag:yaml.org,2002:null'
  return node.text === 'null' || node.text === '~' || (node.text === '' && node.isPlain)
}

/**
 * Reads types into nodes as gopkg.in/yaml.v2 does, which K3s uses, and not strictly: the last of several equal keys counts, and maps
 * and structs that occur twice are merged; a `<<` counts where it stands, over what is before it. https://pkg.go.dev/gopkg.in/yaml.v2#Unmarshal
 */
export class YamlDecoder {
  readonly problems: ReadProblem[] = []
  readonly remarks: Remark[] = []
  readonly #document: YamlDocument
  readonly #positions = new Map<string, Position>()
  readonly #open = new Set<Alias>()
  #decoded = 0
  #throughAliases = 0

  constructor(document: YamlDocument) {
    this.#document = document
  }

  /** The value of the whole file. */
  decode(schema: Schema): unknown {
    const value = zero(schema)
    const { root } = this.#document
    if (root === undefined) return value
    try {
      return this.#decode(root, { line: 1, column: 1 }, schema, value, []).value
    } catch (error) {
      if (error instanceof Fatal || error instanceof RangeError) return value
      throw error
    }
  }

  /** The position of a key or a list item; of its nearest parent where it has none of its own. */
  positionOf(path: Path): Position {
    for (let length = path.length; length > 0; length--) {
      const position = this.#positions.get(JSON.stringify(path.slice(0, length)))
      if (position !== undefined) return position
    }
    return { line: 1, column: 1 }
  }

  #decode(node: Node | null, parent: Position, schema: Schema, current: Decoded, path: Path): Result {
    const position = node === null ? parent : this.#document.positionOf(node)
    this.#count(position)
    if (isAlias(node)) {
      if (this.#open.has(node)) this.#fail(position, path, 'an anchor contains an alias of itself')
      this.#open.add(node)
      try {
        return this.#decode(this.#document.targets.get(node) ?? null, position, schema, current, path)
      } finally {
        this.#open.delete(node)
      }
    }
    if (isSeq<Node | null>(node)) {
      if (schema.type !== 'list') return this.#mistyped(node, position, schema, current, path)
      const items = node.items.map((item, index) => {
        this.#positions.set(JSON.stringify([...path, index]), item === null ? position : this.#document.positionOf(item))
        return this.#decode(item, position, schema.of, zero(schema.of), [...path, index])
      })
      return { good: true, value: items.filter(({ good }) => good).map(({ value }) => value) }
    }
    if (!isMap<Node | null, Node | null>(node)) return this.#scalar(node, position, schema, current, path)
    if (schema.type === 'map') return { good: true, value: this.#map(node, position, schema.of, current as Map<string, Decoded>, path) }
    if (schema.type !== 'struct') return this.#mistyped(node, position, schema, current, path)
    const record = (current ?? zeroFields(schema.fields)) as Record<string, unknown>
    this.#struct(node, position, schema, record, path)
    return { good: true, value: record }
  }

  #scalar(node: Node | null, position: Position, schema: Schema, current: Decoded, path: Path): Result {
    const written = toScalar(node)
    const scalar = readScalar(written)
    if (scalar.type === 'invalid') this.#fail(position, path, scalar.why)
    if (scalar.type === 'null') {
      const isUndefined = schema.type === 'struct' && schema.isOptional === true && leavesUndefined(written)
      return { good: true, value: schema.type === 'struct' && !isUndefined ? zeroFields(schema.fields) : zero(schema) }
    }
    if (schema.type === 'string') return { good: true, value: scalar.type === 'text' ? scalar.text : written.text }
    if (schema.type === 'boolean' && scalar.type === 'boolean') return { good: true, value: scalar.value }
    return this.#mistyped(node, position, schema, current, path)
  }

  #map(node: MapNode, position: Position, of: Schema, current: Map<string, Decoded>, path: Path): Map<string, Decoded> {
    this.#entries(node, position, path, {
      merge: (other, at) => this.#decode(other, at, { type: 'map', of }, current, path),
      entry: (key, value, at, below) => {
        const decoded = this.#decode(value, at, of, zero(of), below)
        if (decoded.good) current.set(key, decoded.value)
      },
    })
    return current
  }

  #struct(
    node: MapNode,
    position: Position,
    schema: Extract<Schema, { type: 'struct' }>,
    record: Record<string, unknown>,
    path: Path,
  ): void {
    const { fields } = schema
    const known = usedFields(fields).map(([key]) => key)
    this.#entries(node, position, path, {
      merge: (other, at) => this.#decode(other, at, schema, record, path),
      entry: (key, value, at, below) => {
        const field = Object.hasOwn(fields, key) ? fields[key] : undefined
        if (field === undefined || isUnused(field)) this.remarks.push({ kind: 'unknown-key', path: below, position: at, known })
        if (field === undefined) return
        const name = field.as ?? key
        const { value: decoded } = this.#decode(value, at, field, isUnused(field) ? zero(field) : (record[name] as Decoded), below)
        if (!isUnused(field)) record[name] = decoded
      },
    })
  }

  #entries(
    node: MapNode,
    position: Position,
    path: Path,
    on: {
      merge: (other: Node | null, at: Position) => void
      entry: (key: string, value: Node | null, at: Position, below: Path) => void
    },
  ): void {
    const seen = new Map<string, Position>()
    for (const { key: keyNode, value } of node.items) {
      const at = keyNode === null ? position : this.#document.positionOf(keyNode)
      if (!isAlias(keyNode) && !isMap(keyNode) && !isSeq(keyNode) && isMergeKey(toScalar(keyNode))) {
        for (const other of this.#merged(value, at, path)) on.merge(other, at)
        continue
      }
      const { good, value: key } = this.#decode(keyNode, position, { type: 'string' }, '', path)
      if (!good || typeof key !== 'string') continue
      const below = [...path, key]
      const first = seen.get(key)
      if (first !== undefined) this.remarks.push({ kind: 'duplicate-key', path: below, position: at, first })
      else seen.set(key, at)
      this.#positions.set(JSON.stringify(below), at)
      on.entry(key, value, at, below)
    }
  }

  /** What `<<` takes in; of several the first counts, so it comes last. */
  #merged(value: Node | null, parent: Position, path: Path): readonly (Node | null)[] {
    const others = isSeq<Node | null>(value) ? value.items.toReversed() : [value]
    for (const other of others) {
      if (isMap(isAlias(other) ? this.#document.targets.get(other) : other)) continue
      const at = other ?? value
      this.#fail(at === null ? parent : this.#document.positionOf(at), path, 'what "<<" takes in is not a mapping')
    }
    return others
  }

  #mistyped(node: Node | null, position: Position, schema: Schema, current: Decoded, path: Path): Result {
    const found = isMap(node) ? 'a mapping' : isSeq(node) ? 'a list' : 'a plain value'
    const scalar = isMap(node) || isSeq(node) ? undefined : toScalar(node)
    const isQuotedBoolean =
      schema.type === 'boolean' && scalar?.isPlain === false && readScalar({ ...scalar, isPlain: true }).type === 'boolean'
    this.problems.push({
      kind: isQuotedBoolean ? 'quoted-boolean' : schema.type === 'list' && scalar !== undefined ? 'string-for-list' : 'type',
      path,
      position,
      why: isQuotedBoolean ? 'a quoted word, where true or false belongs' : `${found}, where ${nouns[schema.type]} belongs`,
    })
    return { good: false, value: current }
  }

  /** Some lines of aliases can unfold to gigabytes; the bound is that of K3s' parser. */
  #count(position: Position): void {
    this.#decoded++
    if (this.#open.size > 0) this.#throughAliases++
    if (this.#throughAliases > 100 && this.#decoded > 1000 && this.#throughAliases / this.#decoded > 0.99)
      this.#fail(position, [], 'aliases that unfold to far too much')
  }

  #fail(position: Position, path: Path, why: string): never {
    this.problems.push({ kind: 'syntax', path, position, why })
    throw new Fatal(why)
  }
}
