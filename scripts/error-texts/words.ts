import type { Node } from 'oxc-parser'
import { childrenOf, isFunction, type FunctionNode, type SourceTree } from './source-tree.ts'

/** Statements that return nothing. */
const ignored: ReadonlySet<string> = new Set(['ThrowStatement', 'ExpressionStatement'])

/** Which functions can return words of a message or an error code, themselves or through what they call; all others only format values. */
export class Words {
  readonly tree: SourceTree
  readonly #returns = new Map<Node, boolean>()
  readonly #known = new Map<Node, boolean>()

  constructor(tree: SourceTree) {
    this.tree = tree
  }

  returnedBy(of: FunctionNode): boolean {
    return this.#in(of)
  }

  /** True for a statement that contains a return of the function that it is in. */
  hasReturn(statement: Node): boolean {
    const known = this.#returns.get(statement)
    if (known !== undefined) return known
    const has = statement.type === 'ReturnStatement' || childrenOf(statement).some((child) => !isFunction(child) && this.hasReturn(child))
    this.#returns.set(statement, has)
    return has
  }

  #in(node: Node): boolean {
    const known = this.#known.get(node)
    if (known !== undefined) return known
    // A circle adds nothing.
    this.#known.set(node, false)
    const has = isWords(node) || this.#mentions(node) || childrenOf(node).some((child) => !ignored.has(child.type) && this.#in(child))
    this.#known.set(node, has)
    return has
  }

  #mentions(node: Node): boolean {
    const called = node.type === 'CallExpression' ? this.tree.functionOf(node.callee) : undefined
    if (called !== undefined) return this.#in(called)
    if (node.type !== 'Identifier') return false
    const binding = this.tree.resolve(node.name, node)
    return binding.kind === 'value' && !isFunction(binding.init) && this.#in(binding.init)
  }
}

/** True for a part of a sentence, or an error code. */
function isWords(node: Node): boolean {
  const text =
    node.type === 'TemplateElement' ? node.value.raw : node.type === 'Literal' && typeof node.value === 'string' ? node.value : ''
  return /[a-z]{2} | [a-z]{2}/.test(text) || /^[A-Z]{3}[A-Z_]*$/.test(text)
}
