import type { Node } from 'oxc-parser'

/** Clearer words for some properties, and properties that need the name of their object. */
const words: ReadonlyMap<string, string> = new Map([
  ['length', 'number'],
  ['size', 'number'],
  ['message', 'reason'],
  ['href', 'url'],
  ['origin', 'host'],
])
const ofObject = new Set([
  'name',
  'path',
  'value',
  'text',
  'join',
  'map',
  'toString',
  'slice',
  'replace',
  'replaceAll',
  'trim',
  'at',
  'toLowerCase',
])

/** The placeholder for a value that is known only at run time: `<token server>` for `tokenServer`. */
export function holeFor(node: Node): string {
  return `<${(nameOf(node) ?? 'value').replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase()}>`
}

/** True for a text without words of its own: only placeholders and punctuation. */
export function isOnlyHoles(text: string): boolean {
  return text !== '' && !/[A-Za-z]/.test(text.replaceAll(/<[^<>]*>/g, ''))
}

function nameOf(node: Node): string | undefined {
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- A syntax tree has many more types of nodes.
  switch (node.type) {
    case 'Identifier':
    case 'PrivateIdentifier':
      return words.get(node.name) ?? node.name
    case 'MemberExpression': {
      const own = node.computed ? undefined : nameOf(node.property)
      if (own !== undefined && !ofObject.has(own)) return own
      return node.object.type === 'ThisExpression' ? own : (nameOf(node.object) ?? own)
    }
    case 'CallExpression':
    case 'NewExpression': {
      const [argument] = node.arguments
      if (node.callee.type === 'MemberExpression' && node.callee.object.type !== 'Identifier') return nameOf(node.callee.object)
      return (argument === undefined || argument.type === 'ArrowFunctionExpression' ? undefined : nameOf(argument)) ?? nameOf(node.callee)
    }
    case 'ArrayExpression': {
      const [element] = node.elements
      return element === null || element === undefined ? undefined : nameOf(element)
    }
    case 'SpreadElement':
    case 'AwaitExpression':
      return nameOf(node.argument)
    case 'BinaryExpression':
    case 'LogicalExpression':
      return nameOf(node.left)
    case 'ConditionalExpression':
      return nameOf(node.consequent) ?? nameOf(node.alternate)
    case 'ChainExpression':
    case 'ParenthesizedExpression':
    case 'TSAsExpression':
    case 'TSNonNullExpression':
      return nameOf(node.expression)
    default:
      return undefined
  }
}
