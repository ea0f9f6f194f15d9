import type { CallExpression, Expression, MemberExpression, Node, TemplateLiteral } from 'oxc-parser'
import { Branches } from './branches.ts'
import { frameOf, type Bindings, type Frame } from './frame.ts'
import { holeFor, isOnlyHoles } from './holes.ts'
import { runStatements, type Runner } from './run-statements.ts'
import { isFunction, type Binding, type Parameter, type FunctionNode, type SourceTree, type Step } from './source-tree.ts'
import { calculate, constantOf, hole, isKeyed, itemsOf, knownOf, nothing, numberOf, type Value } from './values.ts'
import type { Words } from './words.ts'

const mostCalls = 6

/**
 * Evaluates expressions of the source without running it. Where the value depends on what is known only at run time, every branch is followed in turn
 * (`alternatives`), and a branch that was chosen once holds for all of one evaluation.
 */
export class Evaluator {
  readonly #words: Words
  readonly #tree: SourceTree
  readonly #bound: Bindings
  /** The same frame for the same call, so that what was chosen in it stays chosen. */
  readonly #frames = new Map<Frame | undefined, Map<Node, Frame>>()
  #calls = 0
  readonly #open = new Set<Binding>()
  readonly branches = new Branches()
  /** The parameters that were needed, and that no call gives. */
  readonly unbound = new Set<Parameter>()

  constructor(words: Words, bound: Bindings) {
    this.#words = words
    this.#tree = words.tree
    this.#bound = bound
  }

  /** The text of an expression; undefined where it is undefined. */
  textOf(node: Node | undefined, frame?: Frame): string | undefined {
    const value = node === undefined ? nothing : this.#evaluate(node, frame)
    if (value.kind === 'text') return value.text
    return value.kind === 'constant' ? (value.value === undefined ? undefined : String(value.value)) : node && holeFor(node)
  }

  /** The text that a call gives a parameter. */
  textOfParameter(parameter: Parameter): string | undefined {
    const value = this.#parameter(parameter, undefined)
    return value?.kind === 'text' ? value.text : undefined
  }

  /** The text of a property of an object; undefined where it has no such property. */
  propertyOf(node: Node | undefined, key: string): string | undefined {
    if (node === undefined) return undefined
    const value = this.#property(this.#evaluate(node, undefined), key)
    return value?.kind === 'text' ? value.text : undefined
  }

  #evaluate(node: Node, frame: Frame | undefined): Value {
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- A syntax tree has many more types of nodes.
    switch (node.type) {
      case 'Literal':
        return typeof node.value === 'string' ? { kind: 'text', text: node.value } : constantOf(node)
      case 'TemplateLiteral':
        return { kind: 'text', text: this.#template(node, frame) }
      case 'Identifier':
        return node.name === 'undefined' ? nothing : this.#named(this.#tree.resolve(node.name, node), node, frame)
      case 'ObjectExpression':
      case 'ArrayExpression':
      case 'ArrowFunctionExpression':
      case 'FunctionExpression':
        return { kind: 'literal', node, frame }
      case 'ConditionalExpression': {
        const test = this.#truth(node.test, frame) ?? this.branches.choose(node, frame, 2) === 0
        return this.#evaluate(test ? node.consequent : node.alternate, frame)
      }
      case 'LogicalExpression':
        return this.#logical(node, frame)
      case 'BinaryExpression':
        return this.#binary(node, frame)
      case 'MemberExpression':
        return this.#member(node, frame)
      case 'CallExpression':
        return this.#call(node, frame)
      case 'AwaitExpression':
        return this.#evaluate(node.argument, frame)
      case 'ParenthesizedExpression':
      case 'TSAsExpression':
      case 'TSSatisfiesExpression':
      case 'TSNonNullExpression':
      case 'ChainExpression':
        return this.#evaluate(node.expression, frame)
      default:
        return hole(node)
    }
  }

  #template({ quasis, expressions }: TemplateLiteral, frame?: Frame): string {
    return quasis.map(({ value }, at) => (value.cooked ?? '') + this.#part(expressions[at], frame)).join('')
  }

  /** A part of a text; one that may be empty is in brackets. */
  #part(node: Expression | undefined, frame: Frame | undefined): string {
    if (node === undefined) return ''
    const show = (): string => this.textOf(node, frame) ?? holeFor(node)
    const texts = [...new Set(this.branches.alternatives(show))]
    const spoken = texts.filter((text) => text !== '' && !isOnlyHoles(text))
    if (texts.length === 1) return texts[0] ?? ''
    if (texts.includes('')) return `[${spoken.join('|') || texts.find((text) => text !== '')}]`
    return spoken.length === 0 ? (texts[0] ?? '') : show()
  }

  #named(binding: Binding, node: Node, frame: Frame | undefined): Value {
    if (binding.kind === 'value') {
      const around = this.#frameAround(binding.init, frame)
      return this.#walk(this.#evaluate(binding.init, around), binding.steps, around) ?? hole(node)
    }
    if (binding.kind === 'function') return { kind: 'literal', node: binding.node, frame }
    return (binding.kind === 'parameter' ? this.#parameter(binding, frame) : undefined) ?? hole(node)
  }

  /** What a call gives a parameter; undefined where that is known only at run time. */
  #parameter(parameter: Parameter, frame: Frame | undefined): Value | undefined {
    const at = frameOf(parameter.of, frame)
    const call = at?.call ?? this.#bound.get(parameter.of)
    if (call === undefined) {
      this.unbound.add(parameter)
      return undefined
    }
    const argument = call.arguments[parameter.index]
    // A function that calls itself passes its own parameter on.
    if (argument?.type === 'SpreadElement' || this.#open.has(parameter)) return undefined
    this.#open.add(parameter)
    try {
      const found = this.#walk(argument === undefined ? nothing : this.#evaluate(argument, at?.caller), parameter.steps, at)
      return found?.kind === 'text' && isOnlyHoles(found.text) ? undefined : found
    } finally {
      this.#open.delete(parameter)
    }
  }

  /** The frame of the innermost function around a node that has one. */
  #frameAround(node: Node, frame: Frame | undefined): Frame | undefined {
    for (let at: Node | undefined = node; at !== undefined; at = this.#tree.parentOf(at)) {
      const found = isFunction(at) ? frameOf(at, frame) : undefined
      if (found !== undefined) return found
    }
    return undefined
  }

  #walk(whole: Value, steps: readonly Step[], frame: Frame | undefined): Value | undefined {
    let value: Value | undefined = whole
    for (const { key, fallback } of steps) {
      if (key !== '') value = value === undefined ? undefined : this.#property(value, key)
      if (value?.kind === 'constant' && value.value === undefined && fallback !== undefined) value = this.#evaluate(fallback, frame)
    }
    return value
  }

  /** A property or an element; undefined where it is not known. */
  #property(value: Value, key: string | number): Value | undefined {
    if (value.kind !== 'literal') return undefined
    const { node, frame } = value
    if (node.type === 'ArrayExpression') {
      const element = node.elements[Number(key)]
      return element === null || element === undefined || element.type === 'SpreadElement' ? undefined : this.#evaluate(element, frame)
    }
    if (node.type !== 'ObjectExpression') return undefined
    let isSure = true
    for (const property of node.properties.toReversed()) {
      if (property.type === 'SpreadElement') {
        const spread = this.#evaluate(property.argument, frame)
        if (spread.kind !== 'literal') isSure &&= spread.kind === 'constant'
        else {
          const found = this.#property(spread, key)
          if (found !== undefined && !(found.kind === 'constant' && found.value === undefined)) return found
        }
      } else if (isKeyed(property, key)) {
        return this.#evaluate(property.value, frame)
      }
    }
    return isSure ? nothing : undefined
  }

  #member(node: MemberExpression, frame: Frame | undefined): Value {
    const whole = this.#evaluate(node.object, frame)
    if (whole.kind === 'constant' && whole.value === undefined && node.optional) return nothing
    if (whole.kind !== 'literal') return hole(node)
    if (!node.computed && node.property.type === 'Identifier') return this.#property(whole, node.property.name) ?? hole(node)
    const key = this.#evaluate(node.property, frame)
    if (key.kind === 'text' && !isOnlyHoles(key.text)) return this.#property(whole, key.text) ?? hole(node)
    if (key.kind === 'constant' && typeof key.value === 'number') return this.#property(whole, key.value) ?? nothing
    return this.#anyOf(node, whole, frame) ?? hole(node)
  }

  /** One of the elements or properties of a literal, or nothing. */
  #anyOf(node: Node, whole: Value, frame: Frame | undefined): Value | undefined {
    if (whole.kind !== 'literal') return undefined
    const items = itemsOf(whole.node)
    const item = items[this.branches.choose(node, frame, items.length + 1)]
    return item === undefined ? nothing : this.#evaluate(item, whole.frame)
  }

  #logical(node: Extract<Node, { type: 'LogicalExpression' }>, frame: Frame | undefined): Value {
    if (node.operator === '&&') {
      const left = this.#truth(node.left, frame) ?? this.branches.choose(node, frame, 2) === 0
      return left ? this.#evaluate(node.right, frame) : { kind: 'constant', value: false }
    }
    const left = this.#evaluate(node.left, frame)
    if (left.kind === 'constant' && (left.value === undefined || left.value === null || (node.operator === '||' && !left.value)))
      return this.#evaluate(node.right, frame)
    if (left.kind === 'text' && isOnlyHoles(left.text)) {
      const right = this.#evaluate(node.right, frame)
      const isSaid = right.kind === 'literal' || (right.kind === 'text' && !isOnlyHoles(right.text))
      return isSaid && this.branches.choose(node, frame, 2) === 1 ? right : left
    }
    return left
  }

  #binary(node: Extract<Node, { type: 'BinaryExpression' }>, frame: Frame | undefined): Value {
    const truth = this.#comparison(node, frame)
    if (truth !== undefined) return { kind: 'constant', value: truth }
    if (/^[=!]==$|[<>]/.test(node.operator)) return hole(node)
    const [left, right] = [this.#evaluate(node.left, frame), this.#evaluate(node.right, frame)]
    const [a, b] = [numberOf(left), numberOf(right)]
    if (a !== undefined && b !== undefined) return { kind: 'constant', value: calculate(a, node.operator, b) }
    if (node.operator === '+' && left.kind === 'text' && right.kind === 'text') return { kind: 'text', text: left.text + right.text }
    return hole(node)
  }

  #comparison(node: Node, frame: Frame | undefined): boolean | undefined {
    if (node.type !== 'BinaryExpression' || (node.operator !== '===' && node.operator !== '!==')) return undefined
    const [left, right] = [this.#evaluate(node.left, frame), this.#evaluate(node.right, frame)]
    const [a, b] = [knownOf(left), knownOf(right)]
    return a === undefined || b === undefined ? undefined : (a === b) === (node.operator === '===')
  }

  /** Whether a condition holds; undefined where that is known only at run time. */
  #truth(node: Node, frame: Frame | undefined): boolean | undefined {
    if (node.type === 'UnaryExpression' && node.operator === '!') {
      const inner = this.#truth(node.argument, frame)
      return inner === undefined ? undefined : !inner
    }
    if (node.type === 'LogicalExpression' && node.operator !== '??') {
      const [left, right] = [this.#truth(node.left, frame), this.#truth(node.right, frame)]
      const decides = node.operator === '||'
      if (left === decides || right === decides) return decides
      return left === undefined || right === undefined ? undefined : !decides
    }
    if (node.type === 'ParenthesizedExpression') return this.#truth(node.expression, frame)
    if (node.type === 'BinaryExpression') return this.#comparison(node, frame)
    const value = node.type === 'Identifier' ? this.#evaluate(node, frame) : hole(node)
    return value.kind === 'constant' ? Boolean(value.value) : undefined
  }

  #call(node: CallExpression, frame: Frame | undefined): Value {
    const { callee } = node
    const called = this.#tree.functionOf(callee) ?? this.#closure(callee, frame)
    if (called !== undefined) return this.#result(node, called, frame)
    if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return hole(node)
    const method = callee.property.name
    const whole = this.#evaluate(callee.object, frame)
    if (method === 'find') return this.#anyOf(node, whole, frame) ?? hole(node)
    if (method === 'catch') return whole
    if (whole.kind !== 'text' || isOnlyHoles(whole.text)) return hole(node)
    const [pattern, replacement] = node.arguments
    if (!method.startsWith('replace') || pattern?.type !== 'Literal' || typeof pattern.value !== 'string' || replacement === undefined)
      return whole
    const inner = replacement.type === 'ArrowFunctionExpression' && replacement.expression ? replacement.body : replacement
    return { kind: 'text', text: whole.text.replaceAll(pattern.value, this.#part(inner as Expression, frame)) }
  }

  #closure(callee: Node, frame: Frame | undefined): FunctionNode | undefined {
    if (callee.type !== 'Identifier') return undefined
    const value = this.#evaluate(callee, frame)
    return value.kind === 'literal' && isFunction(value.node) ? value.node : undefined
  }

  #runner(frame: Frame): Runner {
    return {
      hasReturn: (node) => this.#words.hasReturn(node),
      evaluate: (node) => this.#evaluate(node, frame),
      truth: (node) => this.#truth(node, frame),
      choose: (node, of) => this.branches.choose(node, frame, of),
    }
  }

  #result(call: CallExpression, of: FunctionNode, caller: Frame | undefined): Value {
    if (this.#calls >= mostCalls || of.body === null || frameOf(of, caller) !== undefined || !this.#words.returnedBy(of)) return hole(call)
    this.#calls++
    try {
      const byCall = this.#frames.get(caller) ?? new Map<Node, Frame>()
      this.#frames.set(caller, byCall)
      const frame = byCall.get(call) ?? { of, call, caller }
      byCall.set(call, frame)
      const value =
        of.body.type === 'BlockStatement' ? (runStatements(of.body.body, this.#runner(frame)) ?? nothing) : this.#evaluate(of.body, frame)
      return value.kind === 'text' && isOnlyHoles(value.text) ? hole(call) : value
    } finally {
      this.#calls--
    }
  }
}
