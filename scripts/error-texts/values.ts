import type { ArrayExpression, Node, ObjectExpression, ObjectProperty } from 'oxc-parser'
import type { Frame } from './frame.ts'
import { holeFor } from './holes.ts'
import { isFunction, type FunctionNode } from './source-tree.ts'

/** A text with holes, such as `cannot read <path>`; a value that is known; or a literal of the source that is looked into when needed. */
export type Value =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'constant'; readonly value: number | boolean | null | undefined }
  | { readonly kind: 'literal'; readonly node: ObjectExpression | ArrayExpression | FunctionNode; readonly frame: Frame | undefined }

/** The value of what is left out. */
export const nothing: Value = { kind: 'constant', value: undefined }

/** The placeholder of a value that is known only at run time. */
export function hole(node: Node): Value {
  return { kind: 'text', text: holeFor(node) }
}

/** The value of a literal that is not a string. */
export function constantOf({ value }: { readonly value: unknown }): Value {
  return typeof value === 'number' || typeof value === 'boolean' || value === null
    ? { kind: 'constant', value }
    : { kind: 'text', text: '<pattern>' }
}

/** The number that a value is; undefined where it is not one. */
export function numberOf(value: Value): number | undefined {
  return value.kind === 'constant' && typeof value.value === 'number' ? value.value : undefined
}

/** What a value is compared by; undefined where it is not known. */
export function knownOf(value: Value): string | undefined {
  if (value.kind === 'constant') return `constant ${String(value.value)}`
  return value.kind === 'text' && !/<[^>]+>/.test(value.text) ? `text ${value.text}` : value.kind === 'literal' ? 'literal' : undefined
}

/** What an arithmetic operator gives. */
export function calculate(a: number, operator: string, b: number): number {
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      return a / b
    default:
      return a ** b
  }
}

/** The elements or property values of a literal; of a function, none. */
export function itemsOf(node: ObjectExpression | ArrayExpression | FunctionNode): readonly Node[] {
  if (isFunction(node)) return []
  const all: readonly (Node | null)[] = node.type === 'ArrayExpression' ? node.elements : node.properties
  return all.flatMap((item) => (item === null || item.type === 'SpreadElement' ? [] : [item.type === 'Property' ? item.value : item]))
}

/** True for the property of that name. */
export function isKeyed({ key }: ObjectProperty, name: string | number): boolean {
  return (key.type === 'Identifier' && key.name === name) || (key.type === 'Literal' && key.value === name)
}
