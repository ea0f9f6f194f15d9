import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import {
  parseSync,
  visitorKeys,
  type ArrowFunctionExpression,
  type BindingPattern,
  type Class,
  type Expression,
  type Function,
  type Node,
} from 'oxc-parser'

/** A function of the source: a declaration, an expression, a method's or a constructor's value, or an arrow function. */
export type FunctionNode = Function | ArrowFunctionExpression

/** How a destructured name is reached from the whole value: a property or an element, and its default. */
export interface Step {
  readonly key: string | number
  readonly fallback?: Expression
}

/** A name that a function's parameter declares. */
export interface Parameter {
  readonly kind: 'parameter'
  readonly of: FunctionNode
  readonly index: number
  readonly steps: readonly Step[]
}

/** What a name stands for. */
export type Binding =
  | { readonly kind: 'value'; readonly init: Expression; readonly steps: readonly Step[] }
  | Parameter
  | { readonly kind: 'function'; readonly node: FunctionNode }
  | { readonly kind: 'class'; readonly node: Class }
  | { readonly kind: 'import'; readonly file: string; readonly name: string }
  | { readonly kind: 'unknown' }

/** True for a function of any form. */
export function isFunction(node: Node): node is FunctionNode {
  return node.type === 'FunctionDeclaration' || node.type === 'FunctionExpression' || node.type === 'ArrowFunctionExpression'
}

/** The nodes directly below a node, in the order of the source. */
export function childrenOf(node: Node): readonly Node[] {
  return (visitorKeys[node.type] ?? []).flatMap((key) => {
    const value = (node as unknown as Record<string, unknown>)[key]
    return (Array.isArray(value) ? (value as unknown[]) : [value]).filter(isNode)
  })
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
}

/** Every TypeScript file below a folder, parsed, with the scope of each name. Throws where a file is not valid TypeScript. */
export class SourceTree {
  readonly #programs = new Map<string, Node>()
  readonly #parents = new Map<Node, Node>()
  readonly #files = new Map<Node, string>()
  readonly #scopes = new Map<Node, Map<string, Binding>>()

  constructor(root: string, folder: string) {
    const paths = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) =>
      join(folder, path.replaceAll('\\', '/')),
    )
    for (const path of paths.filter((path) => path.endsWith('.ts')).toSorted()) {
      const { program, errors } = parseSync(path, readFileSync(join(root, path), 'utf8'))
      if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`)
      this.#programs.set(path, program)
      this.#files.set(program, path)
      this.#enter(program, program, path)
    }
  }

  /** Every node of every file. */
  *nodes(): Generator<Node> {
    for (const program of this.#programs.values()) yield* below(program)
  }

  parentOf(node: Node): Node | undefined {
    return this.#parents.get(node)
  }

  /** The path of the file that contains a node. */
  fileOf(node: Node): string {
    let top = node
    for (let parent = this.parentOf(top); parent !== undefined; parent = this.parentOf(top)) top = parent
    return this.#files.get(top) ?? ''
  }

  /** What a name means where it is used; imports of other files are followed. */
  resolve(name: string, from: Node): Binding {
    for (let node: Node | undefined = from; node !== undefined; node = this.parentOf(node)) {
      const binding = this.#scopes.get(node)?.get(name)
      if (binding !== undefined) return this.#follow(binding)
    }
    return { kind: 'unknown' }
  }

  /** The function or constructor that an expression calls; undefined where it is not in the source. */
  functionOf(callee: Node): FunctionNode | undefined {
    if (callee.type === 'Identifier') {
      const binding = this.resolve(callee.name, callee)
      if (binding.kind === 'function') return binding.node
      if (binding.kind === 'class') return this.constructorOf(binding.node)
      if (binding.kind === 'value' && binding.steps.length === 0 && isFunction(binding.init)) return binding.init
      return undefined
    }
    if (callee.type !== 'MemberExpression' || callee.object.type !== 'ThisExpression') return undefined
    const { property } = callee
    const name = property.type === 'Identifier' || property.type === 'PrivateIdentifier' ? property.name : undefined
    return name === undefined ? undefined : this.#methodOf(this.#classAround(callee), name)
  }

  constructorOf(node: Class): FunctionNode | undefined {
    return this.#methodOf(node, 'constructor')
  }

  #methodOf(node: Class | undefined, name: string): FunctionNode | undefined {
    for (const member of node?.body.body ?? []) {
      if (member.type !== 'MethodDefinition') continue
      const { key } = member
      if ((key.type === 'Identifier' || key.type === 'PrivateIdentifier') && key.name === name) return member.value
    }
    return undefined
  }

  #classAround(from: Node): Class | undefined {
    for (let node: Node | undefined = from; node !== undefined; node = this.parentOf(node)) {
      if (node.type === 'ClassDeclaration' || node.type === 'ClassExpression') return node
    }
    return undefined
  }

  #follow(binding: Binding): Binding {
    if (binding.kind !== 'import') return binding
    const program = this.#programs.get(binding.file)
    const found = program === undefined ? undefined : this.#scopes.get(program)?.get(binding.name)
    return found === undefined ? binding : this.#follow(found)
  }

  #enter(node: Node, scope: Node, path: string): void {
    const inner =
      isFunction(node) || /^(?:Program|BlockStatement|For\w*Statement|CatchClause|SwitchStatement)$/.test(node.type) ? node : scope
    this.#declare(node, scope, inner, path)
    for (const child of childrenOf(node)) {
      this.#parents.set(child, node)
      this.#enter(child, inner, path)
    }
  }

  #declare(node: Node, scope: Node, inner: Node, path: string): void {
    if (isFunction(node)) {
      if (node.type === 'FunctionDeclaration' && node.id !== null) this.#add(scope, node.id.name, { kind: 'function', node })
      for (const [index, parameter] of node.params.entries()) {
        if (parameter.type === 'RestElement' || parameter.type === 'TSParameterProperty') continue
        this.#bind(parameter, [], (name, steps) => this.#add(inner, name, { kind: 'parameter', of: node, index, steps }))
      }
    } else if (node.type === 'ClassDeclaration' && node.id !== null) this.#add(scope, node.id.name, { kind: 'class', node })
    else if (node.type === 'VariableDeclaration') {
      for (const { id, init } of node.declarations) {
        const isKnown = node.kind === 'const' && init !== null
        this.#bind(id, [], (name, steps) => this.#add(scope, name, isKnown ? { kind: 'value', init, steps } : { kind: 'unknown' }))
      }
    } else if (node.type === 'CatchClause' && node.param !== null) {
      this.#bind(node.param, [], (name) => this.#add(inner, name, { kind: 'unknown' }))
    } else if (node.type === 'ImportDeclaration') {
      const file = node.source.value.startsWith('.') ? join(dirname(path), node.source.value) : node.source.value
      for (const specifier of node.specifiers) {
        const name = specifier.type === 'ImportSpecifier' && specifier.imported.type === 'Identifier' ? specifier.imported.name : '*'
        this.#add(scope, specifier.local.name, { kind: 'import', file, name })
      }
    }
  }

  #add(scope: Node, name: string, binding: Binding): void {
    const names = this.#scopes.get(scope) ?? new Map<string, Binding>()
    this.#scopes.set(scope, names.set(name, binding))
  }

  /** Every name that a pattern declares, with the way from the whole value to it. */
  #bind(pattern: BindingPattern, steps: readonly Step[], add: (name: string, steps: readonly Step[]) => void): void {
    if (pattern.type === 'Identifier') add(pattern.name, steps)
    else if (pattern.type === 'AssignmentPattern') {
      const last = steps.at(-1)
      const own =
        last === undefined ? [{ key: '', fallback: pattern.right }] : [...steps.slice(0, -1), { ...last, fallback: pattern.right }]
      this.#bind(pattern.left, own, add)
    } else if (pattern.type === 'ArrayPattern') {
      for (const [key, element] of pattern.elements.entries()) {
        if (element !== null && element.type !== 'RestElement') this.#bind(element, [...steps, { key }], add)
      }
    } else {
      for (const property of pattern.properties) {
        if (property.type === 'RestElement') continue
        const { key } = property
        if (key.type === 'Identifier') this.#bind(property.value, [...steps, { key: key.name }], add)
      }
    }
  }
}

/** A node and everything below it. */
export function* below(node: Node): Generator<Node> {
  yield node
  for (const child of childrenOf(node)) yield* below(child)
}
