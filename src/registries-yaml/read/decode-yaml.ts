import type { Position } from '../registries.ts'
import type { YamlMapping, YamlNode, YamlScalar } from './yaml-document.ts'
import { isMergeKey, readScalar } from './yaml-scalar.ts'

/** What a place of the file is read as. A struct knows its keys; an optional one is undefined where nothing is written. What is unused is read for nobody. */
export type Schema =
  | { readonly type: 'string' }
  | { readonly type: 'boolean' }
  | { readonly type: 'list'; readonly of: Schema }
  | { readonly type: 'map'; readonly of: Schema; readonly isUnused?: boolean }
  | { readonly type: 'struct'; readonly fields: Readonly<Record<string, Schema>>; readonly isOptional?: boolean }

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

/** A decoded value: text, truth, lists, maps by key, and structs as records. */
export type Decoded = string | boolean | undefined | Decoded[] | Map<string, Decoded> | Record<string, unknown>

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

function zeroFields(fields: Readonly<Record<string, Schema>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, schema]) => [key, zero(schema)]))
}

function isUnused(schema: Schema): boolean {
  return schema.type === 'map' && schema.isUnused === true
}

function knownKeys(fields: Readonly<Record<string, Schema>>): readonly string[] {
  return Object.keys(fields).filter((key) => !isUnused(fields[key] ?? { type: 'string' }))
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
  readonly #positions = new Map<string, Position>()
  readonly #open = new Set<YamlNode>()
  #decoded = 0
  #throughAliases = 0

  /** The value of the whole file. */
  decode(root: YamlNode | undefined, schema: Schema): Decoded {
    const value = zero(schema)
    if (root === undefined) return value
    try {
      return this.#decode(root, schema, value, []).value
    } catch (error) {
      if (error instanceof Fatal || error instanceof RangeError) return value
      throw error
    }
  }

  /** Where a key or a list item stands; its nearest parent where it has no place of its own. */
  positionOf(path: Path): Position {
    for (let length = path.length; length > 0; length--) {
      const position = this.#positions.get(JSON.stringify(path.slice(0, length)))
      if (position !== undefined) return position
    }
    return { line: 1, column: 1 }
  }

  #decode(node: YamlNode, schema: Schema, current: Decoded, path: Path): { readonly good: boolean; readonly value: Decoded } {
    this.#count(node)
    if (node.kind === 'alias') {
      if (this.#open.has(node)) this.#fail(node, path, 'an anchor contains an alias of itself')
      this.#open.add(node)
      try {
        return this.#decode(node.node, schema, current, path)
      } finally {
        this.#open.delete(node)
      }
    }
    if (node.kind === 'scalar') return this.#scalar(node, schema, current, path)
    if (node.kind === 'sequence') {
      if (schema.type !== 'list') return this.#mistyped(node, schema, current, path)
      const items = node.items.map((item, index) => {
        this.#positions.set(JSON.stringify([...path, index]), item.position)
        return this.#decode(item, schema.of, zero(schema.of), [...path, index])
      })
      return { good: true, value: items.filter(({ good }) => good).map(({ value }) => value) }
    }
    if (schema.type === 'map') return { good: true, value: this.#map(node, schema.of, current as Map<string, Decoded>, path) }
    if (schema.type !== 'struct') return this.#mistyped(node, schema, current, path)
    const record = (current ?? zeroFields(schema.fields)) as Record<string, unknown>
    this.#struct(node, schema, record, path)
    return { good: true, value: record }
  }

  #scalar(node: YamlScalar, schema: Schema, current: Decoded, path: Path): { readonly good: boolean; readonly value: Decoded } {
    const scalar = readScalar(node)
    if (scalar.type === 'invalid') this.#fail(node, path, scalar.why)
    if (scalar.type === 'null') {
      const isUndefined = schema.type === 'struct' && schema.isOptional === true && leavesUndefined(node)
      return { good: true, value: schema.type === 'struct' && !isUndefined ? zeroFields(schema.fields) : zero(schema) }
    }
    if (schema.type === 'string') return { good: true, value: scalar.type === 'text' ? scalar.text : node.text }
    if (schema.type === 'boolean' && scalar.type === 'boolean') return { good: true, value: scalar.value }
    return this.#mistyped(node, schema, current, path)
  }

  #map(node: YamlMapping, of: Schema, current: Map<string, Decoded>, path: Path): Map<string, Decoded> {
    this.#entries(node, path, {
      merge: (other) => this.#decode(other, { type: 'map', of }, current, path),
      entry: (key, value, at) => {
        const decoded = this.#decode(value, of, zero(of), at)
        if (decoded.good) current.set(key, decoded.value)
      },
    })
    return current
  }

  #struct(node: YamlMapping, schema: Extract<Schema, { type: 'struct' }>, record: Record<string, unknown>, path: Path): void {
    const { fields } = schema
    this.#entries(node, path, {
      merge: (other) => this.#decode(other, schema, record, path),
      entry: (key, value, at, position) => {
        const field = Object.hasOwn(fields, key) ? fields[key] : undefined
        if (field === undefined || isUnused(field)) this.remarks.push({ kind: 'unknown-key', path: at, position, known: knownKeys(fields) })
        if (field !== undefined) record[key] = this.#decode(value, field, record[key] as Decoded, at).value
      },
    })
  }

  #entries(
    node: YamlMapping,
    path: Path,
    { merge, entry }: { merge: (other: YamlNode) => void; entry: (key: string, value: YamlNode, at: Path, position: Position) => void },
  ): void {
    const seen = new Map<string, Position>()
    for (const [keyNode, value] of node.entries) {
      if (keyNode.kind === 'scalar' && isMergeKey(keyNode)) {
        for (const other of this.#merged(value, path)) merge(other)
        continue
      }
      const { good, value: key } = this.#decode(keyNode, { type: 'string' }, '', path)
      if (!good || typeof key !== 'string') continue
      const at = [...path, key]
      const first = seen.get(key)
      if (first !== undefined) this.remarks.push({ kind: 'duplicate-key', path: at, position: keyNode.position, first })
      else seen.set(key, keyNode.position)
      this.#positions.set(JSON.stringify(at), keyNode.position)
      entry(key, value, at, keyNode.position)
    }
  }

  /** What `<<` takes in; of several the first counts, so it comes last. */
  #merged(value: YamlNode, path: Path): readonly YamlNode[] {
    const others = value.kind === 'sequence' ? value.items.toReversed() : [value]
    for (const other of others) {
      if ((other.kind === 'alias' ? other.node : other).kind !== 'mapping') this.#fail(other, path, 'what "<<" takes in is not a mapping')
    }
    return others
  }

  #mistyped(node: YamlNode, schema: Schema, current: Decoded, path: Path): { readonly good: false; readonly value: Decoded } {
    const found = node.kind === 'mapping' ? 'a mapping' : node.kind === 'sequence' ? 'a list' : 'a plain value'
    const isQuotedBoolean =
      schema.type === 'boolean' && node.kind === 'scalar' && !node.isPlain && readScalar({ ...node, isPlain: true }).type === 'boolean'
    this.problems.push({
      kind: isQuotedBoolean ? 'quoted-boolean' : schema.type === 'list' && node.kind === 'scalar' ? 'string-for-list' : 'type',
      path,
      position: node.position,
      why: isQuotedBoolean ? 'a quoted word, where true or false belongs' : `${found}, where ${nouns[schema.type]} belongs`,
    })
    return { good: false, value: current }
  }

  /** Some lines of aliases can unfold to gigabytes; the bound is that of K3s' parser. */
  #count(node: YamlNode): void {
    this.#decoded++
    if (this.#open.size > 0) this.#throughAliases++
    if (this.#throughAliases > 100 && this.#decoded > 1000 && this.#throughAliases / this.#decoded > 0.99)
      this.#fail(node, [], 'aliases that unfold to far too much')
  }

  #fail(node: YamlNode, path: Path, why: string): never {
    this.problems.push({ kind: 'syntax', path, position: node.position, why })
    throw new Fatal(why)
  }
}
