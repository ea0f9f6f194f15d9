import type { CallExpression, Class, NewExpression, Node } from 'oxc-parser'
import { Evaluator } from './evaluate.ts'
import type { Bindings } from './frame.ts'
import { isOnlyHoles } from './holes.ts'
import { below, isFunction, type FunctionNode, type Parameter, type SourceTree } from './source-tree.ts'
import { Words } from './words.ts'

/** One message of the program. Its texts have placeholders such as `<path>` for what is known only at run time, and `[…]` around what may be left out. */
export interface ErrorText {
  /** The public code; undefined where it is that of the error behind this one. */
  readonly code: string | undefined
  readonly message: string
  readonly hints: readonly string[]
  /** The file that makes it, or that gives its text. */
  readonly file: string
}

/** A class of errors: where its code and message are. */
interface ErrorClass {
  readonly name: string
  /** The code of all of them; by default the first argument. */
  readonly code?: string
  /** How the message is shown; `%` stands for it. */
  readonly form?: string
}

/** The class of all public errors, and those whose message becomes a part of one. */
const classes: readonly ErrorClass[] = [
  { name: 'MirrorError' },
  { name: 'WireError', form: 'request to <host> failed: %' },
  { name: 'InvalidArgumentError', code: 'USAGE', form: 'invalid value "<value>" for <option>: %' },
]

type Call = CallExpression | NewExpression

interface Site {
  readonly node: Node
  readonly errorClass: ErrorClass
  readonly code: Node | undefined
  readonly message: Node | undefined
  readonly options: Node | undefined
}

/** Every message of the source once, with all of its hints. Throws where the text of one cannot be extracted. */
export function findErrors(tree: SourceTree): readonly ErrorText[] {
  const parameters = new Parameters(tree)
  const found = new Map<string, ErrorText>()
  for (const node of tree.nodes()) {
    const site = siteAt(tree, node)
    if (site === undefined) continue
    const texts = textsOf(parameters, site)
    const readable = texts.filter(({ message, hints }) => hasWords(message) || hints.some(hasWords))
    if (readable.length === 0 && !quotesError(site.message)) {
      throw new Error(`${tree.fileOf(node)}: the message of the error at offset ${node.start} cannot be extracted`)
    }
    for (const text of readable) {
      const key = JSON.stringify([text.code, withoutNames(text.message)])
      const { hints, ...first } = found.get(key) ?? { ...text, hints: [] }
      found.set(key, { ...first, hints: [...hints, ...text.hints.filter((hint) => hasWords(hint) && !hints.includes(hint))] })
    }
  }
  return [...found.values()]
}

/** A text by which two are compared that differ only in the names of their placeholders. */
function withoutNames(text: string): string {
  return text.replaceAll(/<[^<>]*>/g, '<>')
}

function hasWords(text: string): boolean {
  return text !== '' && !isOnlyHoles(text)
}

/** True where a message repeats that of another error, which has its own place. */
function quotesError(node: Node | undefined): boolean {
  return node !== undefined && [...below(node)].some((one) => one.type === 'Identifier' && one.name === 'message')
}

function siteAt(tree: SourceTree, node: Node): Site | undefined {
  // A copy of an error has the texts of that error.
  if (classAround(tree, node)?.id?.name === 'MirrorError') return undefined
  if (node.type === 'NewExpression' && node.callee.type === 'Identifier') return siteOf(node, classNamed(tree, node.callee))
  if (node.type !== 'CallExpression') return undefined
  if (node.callee.type === 'Super') return siteOf(node, superClassAt(tree, node))
  const [changes] = node.arguments
  const isChange =
    node.callee.type === 'MemberExpression' && node.callee.property.type === 'Identifier' && node.callee.property.name === 'with'
  if (!isChange || changes?.type !== 'ObjectExpression') return undefined
  const valueOf = (key: string): Node | undefined => {
    const property = changes.properties.find((one) => one.type === 'Property' && one.key.type === 'Identifier' && one.key.name === key)
    return property?.type === 'Property' ? property.value : undefined
  }
  const message = valueOf('message')
  return message === undefined ? undefined : { node, errorClass: { name: 'MirrorError' }, code: valueOf('code'), message, options: changes }
}

function siteOf(node: Call, errorClass: ErrorClass | undefined): Site | undefined {
  if (errorClass === undefined) return undefined
  const [code, message, options] = errorClass.code === undefined ? node.arguments : [undefined, ...node.arguments]
  return { node, errorClass, code, message, options }
}

/** The class of errors that a name stands for, declared in the source or imported from a package. */
function classNamed(tree: SourceTree, name: Extract<Node, { type: 'Identifier' }>): ErrorClass | undefined {
  const binding = tree.resolve(name.name, name)
  if (binding.kind === 'import') return classes.find((one) => one.name === binding.name)
  return binding.kind === 'class' ? classes.find((one) => one.name === binding.node.id?.name) : undefined
}

/** The class of errors that the class around a call of `super` extends. */
function superClassAt(tree: SourceTree, from: Node): ErrorClass | undefined {
  const extended = classAround(tree, from)?.superClass
  return extended?.type === 'Identifier' ? classNamed(tree, extended) : undefined
}

function classAround(tree: SourceTree, from: Node): Class | undefined {
  for (let node: Node | undefined = from; node !== undefined; node = tree.parentOf(node)) if (node.type === 'ClassDeclaration') return node
  return undefined
}

/** Where each function and constructor of the source is called, directly, as the property of an object, or as another function's parameter. */
function callsByFunction(tree: SourceTree): ReadonlyMap<FunctionNode, readonly Call[]> {
  const calls = new Map<FunctionNode, Call[]>()
  const add = (called: FunctionNode | undefined, call: Call): void => {
    if (called !== undefined) calls.set(called, [...(calls.get(called) ?? []), call])
  }
  const all = [...tree.nodes()].filter((node): node is Call => node.type === 'CallExpression' || node.type === 'NewExpression')
  const properties = propertyFunctions(tree)
  for (const call of all) {
    add(tree.functionOf(call.callee), call)
    if (call.callee.type !== 'MemberExpression' || call.callee.property.type !== 'Identifier' || isForeign(tree, call.callee.object))
      continue
    const { name } = call.callee.property
    for (const [key, called] of properties) if (key === name) add(called, call)
  }
  for (const call of all) {
    const binding = call.callee.type === 'Identifier' ? tree.resolve(call.callee.name, call.callee) : undefined
    if (binding?.kind !== 'parameter' || binding.steps.length > 0) continue
    for (const outer of calls.get(binding.of) ?? []) {
      const given = outer.arguments[binding.index]
      add(given === undefined ? undefined : isFunction(given) ? given : tree.functionOf(given), call)
    }
  }
  return calls
}

/** True for an object of Node or of a package, as in `Promise.resolve` and `posix.join`. */
function isForeign(tree: SourceTree, object: Node): boolean {
  if (object.type !== 'Identifier') return false
  const binding = tree.resolve(object.name, object)
  return binding.kind === 'import' ? !binding.file.endsWith('.ts') : binding.kind === 'unknown' && object.name in globalThis
}

/** The functions that are properties of object literals, with the property's name. */
function propertyFunctions(tree: SourceTree): readonly (readonly [name: string, called: FunctionNode])[] {
  return [...tree.nodes()].flatMap((node) =>
    node.type === 'Property' && node.key.type === 'Identifier' && isFunction(node.value) ? [[node.key.name, node.value] as const] : [],
  )
}

/** The texts of one place that makes an error; where the parameters of a function give a text, for each call of that function. */
function textsOf(parameters: Parameters, site: Site, bound: Bindings = new Map()): readonly ErrorText[] {
  const { tree, words } = parameters
  const evaluator = new Evaluator(words, bound)
  const file = tree.fileOf([...bound.values()].at(-1) ?? site.node)
  const { code: always, form = '%' } = site.errorClass
  const found = evaluator.branches.alternatives((): ErrorText => {
    const code = always ?? evaluator.textOf(site.code)
    const hint = evaluator.propertyOf(site.options, 'hint')
    const message = form.replace('%', () => evaluator.textOf(site.message) ?? '')
    return { code: code === undefined || isOnlyHoles(code) ? undefined : code, message, hints: hint === undefined ? [] : [hint], file }
  })
  const open = [...evaluator.unbound].find((one) => !bound.has(one.of) && parameters.carriesText(one))
  if (open === undefined) return found
  return (parameters.calls.get(open.of) ?? []).flatMap((call) => textsOf(parameters, site, new Map([...bound, [open.of, call]])))
}

/** What the source gives its functions. */
class Parameters {
  readonly tree: SourceTree
  readonly words: Words
  readonly calls: ReturnType<typeof callsByFunction>
  readonly #known = new Map<Parameter, boolean>()

  constructor(tree: SourceTree) {
    this.tree = tree
    this.words = new Words(tree)
    this.calls = callsByFunction(tree)
  }

  /** True where a call gives this parameter a text of the source, itself or through its own parameters. */
  carriesText(parameter: Parameter): boolean {
    const known = this.#known.get(parameter)
    if (known !== undefined) return known
    // A function that calls itself adds nothing.
    this.#known.set(parameter, false)
    const carries = (this.calls.get(parameter.of) ?? []).some((call) => {
      const evaluator = new Evaluator(this.words, new Map([[parameter.of, call]]))
      const texts = evaluator.branches.alternatives(() => evaluator.textOfParameter(parameter))
      return (
        texts.some((text) => text !== undefined && text !== '' && !isOnlyHoles(text)) ||
        [...evaluator.unbound].some((one) => this.carriesText(one))
      )
    })
    this.#known.set(parameter, carries)
    return carries
  }
}
