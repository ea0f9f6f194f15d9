import { parseSync } from 'oxc-parser'

/** One import, re-export, dynamic import or import type of a file. */
export interface Import {
  /** As written; undefined when it is computed at run time. */
  readonly specifier: string | undefined
  /** True when nothing of it is left at run time. */
  readonly typeOnly: boolean
  /** The names that are imported; empty for all of a module. */
  readonly names: readonly string[]
}

/** What the architecture test wants to know of a file. */
export interface Source {
  readonly path: string
  readonly lines: number
  readonly imports: readonly Import[]
  /** The names that the file itself declares and exports. */
  readonly exports: readonly string[]
  readonly defaultExport: boolean
  /** `export * from`. */
  readonly exportAll: boolean
  /** Every name that is used as a value and not as a property; names declared in the file are among them. */
  readonly globals: readonly string[]
}

interface Node {
  readonly type: string
  readonly [field: string]: unknown
}

/** Parses one TypeScript file; throws on a syntax error. */
export function readSource(path: string, text: string): Source {
  const { module, program, errors } = parseSync(path, text)
  if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`)
  const imports: Import[] = module.staticImports.map(({ moduleRequest, entries }) => ({
    specifier: moduleRequest.value,
    typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
    names: entries.flatMap(({ importName }) => (importName.name === null ? [] : [importName.name])),
  }))
  const entries = module.staticExports.flatMap((statement) => statement.entries)
  for (const { moduleRequest, isType, importName } of entries) {
    if (moduleRequest !== null) {
      imports.push({ specifier: moduleRequest.value, typeOnly: isType, names: importName.name === null ? [] : [importName.name] })
    }
  }
  const imported = new Set(module.staticImports.flatMap(({ entries: names }) => names.map(({ localName }) => localName.value)))
  const exports = entries.flatMap(({ moduleRequest, exportName: { name } }) =>
    moduleRequest !== null || name === null || imported.has(name) ? [] : [name],
  )
  const globals = new Set<string>()
  walk(program as unknown as Node, (node) => {
    const found = inlineImport(node)
    if (found !== undefined) imports.push(found)
    if (node.type === 'Identifier') globals.add(String(node['name']))
    const property = memberOfGlobalThis(node)
    if (property !== undefined) globals.add(property)
  })
  return {
    path,
    lines: text.replace(/\n$/, '').split('\n').length,
    imports,
    exports: [...new Set(exports)],
    defaultExport: entries.some(({ exportName }) => kindOf(exportName) === 'Default' || exportName.name === 'default'),
    exportAll: entries.some(({ importName }) => ['All', 'AllButDefault'].includes(kindOf(importName))),
    globals: [...globals],
  }
}

/** The parser's kinds are declared as an enum that does not exist at run time. */
function kindOf({ kind }: { readonly kind: string }): string {
  return kind
}

function inlineImport(node: Node): Import | undefined {
  if (node.type !== 'ImportExpression' && node.type !== 'TSImportType') return undefined
  const literal = node['source'] as Node | undefined
  const specifier = literal?.type === 'Literal' && typeof literal['value'] === 'string' ? literal['value'] : undefined
  return { specifier, typeOnly: node.type === 'TSImportType', names: [] }
}

function memberOfGlobalThis(node: Node): string | undefined {
  if (node.type !== 'MemberExpression') return undefined
  const [object, property] = [node['object'] as Node, node['property'] as Node]
  if (object.type !== 'Identifier' || (object['name'] !== 'globalThis' && object['name'] !== 'global')) return undefined
  return String(property[node['computed'] === true ? 'value' : 'name'])
}

/** Visits every node but the names of properties, which only look like variables, and types, which are gone at run time. */
function walk(node: Node, visit: (node: Node) => void): void {
  visit(node)
  const isNamed = node['computed'] !== true && node['shorthand'] !== true
  for (const [field, value] of Object.entries(node)) {
    if (isNamed && ((field === 'property' && node.type === 'MemberExpression') || (field === 'key' && 'key' in node))) continue
    if (node.type.startsWith('Import') && field === 'specifiers') continue
    if (node.type.startsWith('Export') && field === 'specifiers') continue
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) if (isNode(child)) walk(child, visit)
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
}
