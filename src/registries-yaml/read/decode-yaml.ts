import { isAlias, isMap, isSeq, Scalar, type Alias, type Node, type YAMLMap } from 'yaml'
import type { Position } from '../registries.ts'
import type { YamlDocument } from './yaml-document.ts'
import { isMergeKey, readScalar, type YamlScalar } from './yaml-scalar.ts'

/** What a node is read as. A struct knows its keys; an optional one is undefined where nothing is written. */
export type Schema =
  | { readonly type: 'string' }
  | { readonly type: 'boolean' }
  | { readonly type: 'list'; readonly of: Schema }
  | { readonly type: 'map'; readonly of: Schema }
  | { readonly type: 'struct'; readonly fields: Fields; readonly isOptional?: boolean }

/** The keys of a struct, and what they are called in the record that is made of it, where that is something else. What is unused is checked and left out. */
type Fields = Readonly<Record<string, Schema & { readonly as?: string; readonly isUnused?: true }>>

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

/** Stands for a node of another type than is wanted. */
const mistyped = Symbol('mistyped')
type Result = Decoded | typeof mistyped

type MapNode = YAMLMap<Node | null, Node | null>

/** A node, or null for nothing where one belongs, with its path and the position that messages name. */
interface Spot {
  readonly node: Node | null
  readonly position: Position
  readonly path: Path
}

const start: Position = { line: 1, column: 1 }

/** Thrown where the rest of the file cannot be read either. */
class Fatal extends Error {}

const nouns = { string: 'a string', boolean: 'true or false', list: 'a list', map: 'a mapping', struct: 'a mapping' } as const

function zero(schema: Schema): Decoded {
  if (schema.type === 'struct') return schema.isOptional === true ? undefined : zeroFields(schema.fields)
  return { string: '', boolean: false, list: [], map: new Map() }[schema.type]
}

function usedFields(fields: Fields): readonly [string, Fields[string]][] {
  return Object.entries(fields).filter(([, schema]) => schema.isUnused !== true)
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

/** Reads types into nodes as K3s' parser does: the last of equal keys counts, maps and structs that occur twice are merged, `<<` counts where it stands: https://pkg.go.dev/gopkg.in/yaml.v2#Unmarshal */
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
      const decoded = this.#decode(this.#spot(root, start, []), schema, value)
      return decoded === mistyped ? value : decoded
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
    return start
  }

  #spot(node: Node | null, parent: Position, path: Path): Spot {
    return { node, position: node === null ? parent : this.#document.positionOf(node), path }
  }

  #decode(spot: Spot, schema: Schema, current: Decoded): Result {
    const { node, position, path } = spot
    this.#count(spot)
    if (isAlias(node)) {
      if (this.#open.has(node)) this.#fail(spot, 'an anchor contains an alias of itself')
      this.#open.add(node)
      try {
        return this.#decode(this.#spot(this.#document.targets.get(node) ?? null, position, path), schema, current)
      } finally {
        this.#open.delete(node)
      }
    }
    if (isSeq<Node | null>(node)) {
      if (schema.type !== 'list') return this.#mistyped(spot, schema)
      const items = node.items.map((item, index) => {
        const itemSpot = this.#spot(item, position, [...path, index])
        this.#positions.set(JSON.stringify(itemSpot.path), itemSpot.position)
        return this.#decode(itemSpot, schema.of, zero(schema.of))
      })
      return items.filter((item) => item !== mistyped)
    }
    if (!isMap<Node | null, Node | null>(node)) return this.#scalar(spot, schema)
    if (schema.type === 'map') return this.#map(node, spot, schema.of, current as Map<string, Decoded>)
    if (schema.type === 'struct') return this.#struct(node, spot, schema, (current ?? zeroFields(schema.fields)) as Record<string, unknown>)
    return this.#mistyped(spot, schema)
  }

  #scalar(spot: Spot, schema: Schema): Result {
    const written = toScalar(spot.node)
    const scalar = readScalar(written)
    if (scalar.type === 'invalid') this.#fail(spot, scalar.why)
    if (scalar.type === 'null') {
      const isUndefined = schema.type === 'struct' && schema.isOptional === true && leavesUndefined(written)
      return schema.type === 'struct' && !isUndefined ? zeroFields(schema.fields) : zero(schema)
    }
    if (schema.type === 'string') return scalar.type === 'text' ? scalar.text : written.text
    if (schema.type === 'boolean' && scalar.type === 'boolean') return scalar.value
    return this.#mistyped(spot, schema)
  }

  #map(node: MapNode, spot: Spot, of: Schema, map: Map<string, Decoded>): Result {
    this.#entries(node, spot, {
      merge: (other) => this.#decode(other, { type: 'map', of }, map),
      entry: (key, _, value) => {
        const decoded = this.#decode(value, of, zero(of))
        if (decoded !== mistyped) map.set(key, decoded)
      },
    })
    return map
  }

  #struct(node: MapNode, spot: Spot, schema: Extract<Schema, { type: 'struct' }>, record: Record<string, unknown>): Result {
    const { fields } = schema
    const known = usedFields(fields).map(([key]) => key)
    this.#entries(node, spot, {
      merge: (other) => this.#decode(other, schema, record),
      entry: (key, position, value) => {
        const field = Object.hasOwn(fields, key) ? fields[key] : undefined
        const isUsed = field !== undefined && field.isUnused !== true
        if (!isUsed) this.remarks.push({ kind: 'unknown-key', path: value.path, position, known })
        if (field === undefined) return
        const name = field.as ?? key
        const decoded = this.#decode(value, field, isUsed ? (record[name] as Decoded) : zero(field))
        if (isUsed && decoded !== mistyped) record[name] = decoded
      },
    })
    return record
  }

  #entries(
    node: MapNode,
    { position: parent, path }: Spot,
    on: { merge: (other: Spot) => void; entry: (key: string, position: Position, value: Spot) => void },
  ): void {
    const seen = new Map<string, Position>()
    for (const { key: keyNode, value } of node.items) {
      const spot = this.#spot(keyNode, parent, path)
      const { position } = spot
      if (!isAlias(keyNode) && !isMap(keyNode) && !isSeq(keyNode) && isMergeKey(toScalar(keyNode))) {
        for (const other of this.#merged(this.#spot(value, position, path))) on.merge(other)
        continue
      }
      const key = this.#decode(spot, { type: 'string' }, '')
      if (typeof key !== 'string') continue
      const below = [...path, key]
      const first = seen.get(key)
      if (first !== undefined) this.remarks.push({ kind: 'duplicate-key', path: below, position, first })
      else seen.set(key, position)
      this.#positions.set(JSON.stringify(below), position)
      on.entry(key, position, this.#spot(value, position, below))
    }
  }

  /** What `<<` takes in; of several the first counts, so it comes last. */
  #merged(value: Spot): readonly Spot[] {
    const { node, position, path } = value
    const others = isSeq<Node | null>(node) ? node.items.toReversed().map((item) => this.#spot(item, position, path)) : [value]
    for (const other of others) {
      const target = isAlias(other.node) ? this.#document.targets.get(other.node) : other.node
      if (!isMap(target)) this.#fail(other, 'what "<<" takes in is not a mapping')
    }
    return others
  }

  #mistyped({ node, position, path }: Spot, schema: Schema): typeof mistyped {
    const scalar = isMap(node) || isSeq(node) ? undefined : toScalar(node)
    const found = scalar !== undefined ? 'a plain value' : isMap(node) ? 'a mapping' : 'a list'
    const isQuotedBoolean =
      schema.type === 'boolean' && scalar?.isPlain === false && readScalar({ ...scalar, isPlain: true }).type === 'boolean'
    this.problems.push({
      kind: isQuotedBoolean ? 'quoted-boolean' : schema.type === 'list' && scalar !== undefined ? 'string-for-list' : 'type',
      path,
      position,
      why: isQuotedBoolean ? 'a quoted word, where true or false belongs' : `${found}, where ${nouns[schema.type]} belongs`,
    })
    return mistyped
  }

  /** Some lines of aliases can unfold to gigabytes; the bound is that of K3s' parser. */
  #count(spot: Spot): void {
    this.#decoded++
    if (this.#open.size > 0) this.#throughAliases++
    if (this.#throughAliases > 100 && this.#decoded > 1000 && this.#throughAliases / this.#decoded > 0.99)
      this.#fail({ ...spot, path: [] }, 'aliases that unfold to far too much')
  }

  #fail({ position, path }: Spot, why: string): never {
    this.problems.push({ kind: 'syntax', path, position, why })
    throw new Fatal(why)
  }
}
