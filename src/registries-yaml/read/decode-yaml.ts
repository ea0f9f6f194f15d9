import { isAlias, isMap, isSeq, Scalar, type Alias, type Node, type YAMLMap } from 'yaml'
import type { Position } from '../registries.ts'
import type { YamlDocument } from './yaml-document.ts'
import { isMergeKey, readScalar, type YamlScalar } from './yaml-scalar.ts'
import { nouns, usedFields, zero, zeroFields, type Decoded, type Schema, type YamlPair } from './yaml-schema.ts'

/** Keys and list indices from the top of the file down. */
export type Path = readonly (string | number)[]

/** An error in the file that keeps K3s from starting. */
export interface ReadProblem {
  readonly kind: 'syntax' | 'type' | 'quoted-boolean' | 'string-for-list'
  readonly path: Path
  readonly position: Position
  /** The error, without any value of the file. */
  readonly why: string
}

/** Something that K3s accepts, and silently ignores in part. */
export type Remark =
  | { readonly kind: 'unknown-key'; readonly path: Path; readonly position: Position; readonly known: readonly string[] }
  | { readonly kind: 'duplicate-key'; readonly path: Path; readonly position: Position; readonly first: Position }
  | { readonly kind: 'unread-rest'; readonly path: Path; readonly position: Position }

/** The result for a node of the wrong type. */
const mistyped = Symbol('mistyped')
type Result = Decoded | typeof mistyped

type MapNode = YAMLMap<Node | null, Node | null>

/** A key of a mapping and its value as they are written. */
export interface WrittenEntry {
  readonly key: Node
  readonly value: Node | null
  readonly mapping: MapNode
  /** True for an entry that is read through an alias, which changes other parts of the file too. */
  readonly isAliased: boolean
}

/** A node, or null for a missing one, with its path and its position for messages. */
interface Spot {
  readonly node: Node | null
  readonly position: Position
  readonly path: Path
}

const start: Position = { line: 1, column: 1 }

/** Thrown if the rest of the file cannot be read either. */
class Fatal extends Error {}

/** A scalar; an empty one for a missing node. */
function toScalar(node: Node | null): YamlScalar {
  const { value, source, type, tag } = (node ?? {}) as Partial<Scalar>
  return { text: typeof value === 'string' ? value : (source ?? ''), isPlain: type === undefined || type === Scalar.PLAIN, tag }
}

/** True for a null that leaves an optional struct undefined: not `Null` and `NULL`, but also a quoted `null`. */
function leavesUndefined(node: YamlScalar): boolean {
  if (node.tag !== undefined) return node.tag === 'tag:yaml.org,2002:null'
  return node.text === 'null' || node.text === '~' || (node.text === '' && node.isPlain)
}

/** Decodes nodes as K3s' parser does: the last duplicate key wins, duplicate maps and structs are merged, `<<` is applied in its place. https://pkg.go.dev/gopkg.in/yaml.v2#Unmarshal */
export class YamlDecoder {
  readonly problems: ReadProblem[] = []
  readonly remarks: Remark[] = []
  readonly #document: YamlDocument
  readonly #positions = new Map<string, Position>()
  readonly #entriesByPath = new Map<string, WrittenEntry[]>()
  readonly #open = new Set<Alias>()
  #decoded = 0
  #throughAliases = 0

  constructor(document: YamlDocument) {
    this.#document = document
  }

  /** Decodes the whole file. */
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

  /** The position of a key or a list item, or of its nearest parent with a position. */
  positionOf(path: Path): Position {
    for (let length = path.length; length > 0; length--) {
      const position = this.#positions.get(JSON.stringify(path.slice(0, length)))
      if (position !== undefined) return position
    }
    return start
  }

  /** The entries at a path, in the file's order: several for a duplicate key. */
  entriesOf(path: Path): readonly WrittenEntry[] {
    return this.#entriesByPath.get(JSON.stringify(path)) ?? []
  }

  /** The path of the key or list item at a position, or of the last one before it. */
  pathAt({ line, column }: Position): Path {
    let [found, nearest]: [string, Position] = ['[]', start]
    for (const [path, position] of this.#positions) {
      const isBefore = position.line < line || (position.line === line && position.column <= column)
      const isNearer = position.line > nearest.line || (position.line === nearest.line && position.column > nearest.column)
      if (isBefore && (isNearer || found === '[]')) [found, nearest] = [path, position]
    }
    return JSON.parse(found) as Path
  }

  #spot(node: Node | null, parent: Position, path: Path): Spot {
    return { node, position: node === null ? parent : this.#document.positionOf(node), path }
  }

  #decode(spot: Spot, schema: Schema, current: Decoded): Result {
    const { node, position, path } = spot
    this.#count(spot)
    if (isAlias(node)) {
      if (this.#open.has(node)) this.#fail(spot, 'an anchor contains its own alias')
      this.#open.add(node)
      try {
        return this.#decode(this.#spot(this.#document.targets.get(node) ?? null, position, path), schema, current)
      } finally {
        this.#open.delete(node)
      }
    }
    if (isSeq<Node | null>(node)) {
      if (schema.type !== 'list' && schema.type !== 'any') return this.#mistyped(spot, schema)
      const of = schema.type === 'list' ? schema.of : schema
      const items = node.items.map((item, index) => {
        const itemSpot = this.#spot(item, position, [...path, index])
        this.#positions.set(JSON.stringify(itemSpot.path), itemSpot.position)
        return this.#decode(itemSpot, of, zero(of))
      })
      return items.filter((item) => item !== mistyped)
    }
    if (!isMap<Node | null, Node | null>(node)) return this.#scalar(spot, schema)
    if (schema.type === 'any') return this.#map(node, spot, schema, new Map())
    if (schema.type === 'pairs') return this.#pairs(node, spot)
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
    if (schema.type === 'any' && scalar.type === 'boolean') return String(scalar.value)
    if (schema.type === 'string' || schema.type === 'any') return scalar.type === 'text' ? scalar.text : written.text
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

  /** Unlike other mappings, a list of pairs does not get the entries that `<<` merges. */
  #pairs(node: MapNode, spot: Spot): Result {
    const pairs: YamlPair[] = []
    this.#entries(node, spot, {
      merge: (other) => this.#decode(other, { type: 'pairs' }, []),
      entry: (key, position, value) => {
        const decoded = this.#decode(value, { type: 'any' }, undefined)
        if (decoded !== mistyped) pairs.push({ key, value: decoded, position })
      },
    })
    return pairs
  }

  #struct(node: MapNode, spot: Spot, schema: Extract<Schema, { type: 'struct' }>, record: Record<string, unknown>): Result {
    const { fields } = schema
    const known = usedFields(fields).map(([key]) => key)
    this.#entries(node, spot, {
      merge: (other) => this.#decode(other, schema, record),
      entry: (key, position, value) => {
        const field = Object.hasOwn(fields, key) ? fields[key] : undefined
        const isUsed = field !== undefined && field.isUnused !== true
        const remark = { kind: 'unknown-key', path: value.path, position, known } as const
        if (field === undefined) return void this.remarks.push(remark)
        const name = field.as ?? key
        const decoded = this.#decode(value, field, isUsed ? (record[name] as Decoded) : zero(field))
        // An unused key without a value, as in examples of k3d, loses nothing.
        if (!isUsed && !(decoded instanceof Map && decoded.size === 0)) this.remarks.push(remark)
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
      const id = JSON.stringify(below)
      this.#positions.set(id, position)
      if (keyNode !== null) {
        const entry = { key: keyNode, value, mapping: node, isAliased: this.#open.size > 0 }
        const entries = this.#entriesByPath.get(id)
        if (entries === undefined) this.#entriesByPath.set(id, [entry])
        else entries.push(entry)
      }
      on.entry(key, position, this.#spot(value, position, below))
    }
  }

  /** The mappings that `<<` merges. The first one wins, so it is merged last. */
  #merged(value: Spot): readonly Spot[] {
    const { node, position, path } = value
    const others = isSeq<Node | null>(node) ? node.items.toReversed().map((item) => this.#spot(item, position, path)) : [value]
    for (const other of others) {
      const target = isAlias(other.node) ? this.#document.targets.get(other.node) : other.node
      if (!isMap(target)) this.#fail(other, 'the value of "<<" is not a mapping')
    }
    return others
  }

  /** Reports a value of the wrong type. Returns the value that it obviously stands for, so that lint can check the rest of the file. */
  #mistyped({ node, position, path }: Spot, schema: Schema): Result {
    const scalar = isMap(node) || isSeq(node) ? undefined : toScalar(node)
    const report = (kind: ReadProblem['kind'], found: string): void => {
      this.problems.push({ kind, path, position, why: `must be ${nouns[schema.type]}, not ${found}` })
    }
    if (schema.type === 'boolean' && scalar?.isPlain === false) {
      const unquoted = readScalar({ ...scalar, isPlain: true })
      if (unquoted.type === 'boolean') {
        report('quoted-boolean', 'a quoted string')
        return unquoted.value
      }
    }
    if (schema.type === 'list' && scalar !== undefined) {
      report('string-for-list', 'a single value')
      return [scalar.text]
    }
    report('type', scalar !== undefined ? 'a single value' : isMap(node) ? 'a mapping' : 'a list')
    return mistyped
  }

  /** A few lines of aliases can expand to gigabytes; K3s' parser has the same bound. */
  #count(spot: Spot): void {
    this.#decoded++
    if (this.#open.size > 0) this.#throughAliases++
    if (this.#throughAliases > 100 && this.#decoded > 1000 && this.#throughAliases / this.#decoded > 0.99)
      this.#fail({ ...spot, path: [] }, 'the aliases expand to an excessive size')
  }

  #fail({ position, path }: Spot, why: string): never {
    this.problems.push({ kind: 'syntax', path, position, why })
    throw new Fatal(why)
  }
}
