import { isMap, isScalar, isSeq, type Node } from 'yaml'
import { isMirrorError } from '../errors.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { parseReference, type Reference } from '../oci/reference.ts'

/** Throws the error for a node; for a missing one that of the file. */
export type RefuseNode = (node: Node | null, why: string) => never

/** A value in a lock file. A value of another form than the expected one is refused with its position. */
export class LockNode {
  readonly #node: Node | null
  /** The key path, as in `images[2].digest`. */
  readonly #path: string
  readonly #refuse: RefuseNode

  constructor(node: Node | null, path: string, refuse: RefuseNode) {
    this.#node = node
    this.#path = path
    this.#refuse = refuse
  }

  refuse(why: string): never {
    return this.#refuse(this.#node, `${this.#path === '' ? 'the file' : this.#path} ${why}`)
  }

  /** The value of a key of a mapping, with any other keys. */
  find(key: string): LockNode | undefined {
    if (!isMap<Node, Node | null>(this.#node)) return this.refuse('is not a mapping')
    const pair = this.#node.items.find((one) => isScalar(one.key) && one.key.value === key)
    return pair && new LockNode(pair.value, key, this.#refuse)
  }

  /** The values of a mapping by its keys, of which only these are known. */
  fields<K extends string, O extends string = never>(
    required: readonly K[],
    optional: readonly O[] = [],
  ): Readonly<Record<K, LockNode>> & Readonly<Partial<Record<O, LockNode>>> {
    if (!isMap<Node, Node | null>(this.#node)) return this.refuse('is not a mapping')
    const known = new Set<string>([...required, ...optional])
    const fields = new Map<string, LockNode>()
    for (const { key, value } of this.#node.items) {
      const name = isScalar(key) ? String(key.value) : undefined
      if (name === undefined) return this.#refuse(key, 'a key is not a plain word')
      const path = this.#path === '' ? name : `${this.#path}.${name}`
      if (fields.has(name)) return this.#refuse(key, `${path} is given twice`)
      if (!known.has(name)) return this.#refuse(key, `unknown key ${path}`)
      fields.set(name, new LockNode(value, path, this.#refuse))
    }
    const missing = required.find((name) => !fields.has(name))
    if (missing !== undefined) return this.refuse(`has no ${missing}`)
    return Object.fromEntries(fields) as Record<K, LockNode> & Partial<Record<O, LockNode>>
  }

  items(): readonly LockNode[] {
    if (!isSeq<Node | null>(this.#node)) return this.refuse('is not a list')
    return this.#node.items.map((item, index) => new LockNode(item, `${this.#path}[${index}]`, this.#refuse))
  }

  text(): string {
    const text = isScalar(this.#node) ? this.#node.value : undefined
    return typeof text === 'string' && text !== '' ? text : this.refuse('is not a text')
  }

  /** A whole number from 0. */
  count(): number {
    const text = isScalar(this.#node) ? String(this.#node.value) : ''
    const count = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN
    return Number.isSafeInteger(count) ? count : this.refuse('is not a whole number')
  }

  oneOf<T extends string>(values: readonly T[]): T {
    const text = this.text()
    return values.find((value) => value === text) ?? this.refuse(`is not ${values.join(', ').replace(/, ([^,]*)$/, ' or $1')}`)
  }

  digest(): Digest {
    const text = this.text()
    return isDigest(text) ? text : this.refuse('is not a digest: expected sha256: and 64 lower-case hexadecimal digits')
  }

  reference(): Reference {
    try {
      return parseReference(this.text())
    } catch (error) {
      if (!isMirrorError(error) || error.code !== 'INVALID_REFERENCE') throw error
      return this.#refuse(this.#node, error.message)
    }
  }
}
