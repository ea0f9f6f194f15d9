import { builtinModules } from 'node:module'
import { dirname, join } from 'node:path/posix'
import { readSource, type Source } from './read-source.ts'

/** The shape the house has to keep: data, checked against the files of `src`. */
export interface House {
  /** What each folder, and each file at the top, may import: other places, `<folder>/<file>` for a single file, `type:<place>` and `type:<file>` for types only. */
  readonly places: Readonly<Record<string, readonly string[]>>
  /** The folders that may import each external package. */
  readonly packages: Readonly<Record<string, readonly string[]>>
  /** The folders that may import the builtin modules that mean I/O; builtins that are not named here are free. */
  readonly ioBuiltins: Readonly<Record<string, readonly string[]>>
  /** The builtin modules of folders that may import no others, with the only names allowed of a module, or all. */
  readonly onlyBuiltins: Readonly<Record<string, Readonly<Record<string, readonly string[] | 'all'>>>>
  /** The folders that may use each global name. */
  readonly globals: Readonly<Record<string, readonly string[]>>
  /** Words that no file or folder name holds. */
  readonly forbiddenWords: readonly string[]
  /** Names that may hold such a word, because the field calls the thing so. */
  readonly fieldTerms: readonly string[]
  readonly maxLines: number
  /** The files that may export what bears the name of another file's export, which it wraps. */
  readonly facades: readonly string[]
}

/** The files of `src`, text by path: `src/oci/digest.ts`. */
export type FileSet = ReadonlyMap<string, string>

/** Everything in which the files differ from the house's shape, one sentence each, in the order of the files. */
export function findViolations(files: FileSet, house: House): readonly string[] {
  const sources = [...files].map(([path, text]) => readSource(path, text))
  return [
    ...sources.flatMap((source) => [
      ...nameViolations(source.path, house),
      ...sizeViolations(source, house),
      ...exportViolations(source),
      ...globalViolations(source, house),
      ...importViolations(source, files, house),
    ]),
    ...placeViolations(files, house),
    ...sharedNames(sources, house),
    ...findCycles(sources).map((cycle) => `import cycle: ${cycle.join(' -> ')}`),
  ]
}

/** The place of a file: its first folder under `src`, or its own name at the top. */
function placeOf(path: string): string {
  return path.split('/')[1] ?? ''
}

function isWithin(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path.startsWith(`src/${folder}/`) || path === `src/${folder}`)
}

function nameViolations(path: string, house: House): readonly string[] {
  const names = path.split('/').slice(1)
  return names.flatMap((name) => {
    const stem = name.replace(/\.ts$/, '')
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem)) return [`${path}: the name ${name} is not kebab-case`]
    if (house.fieldTerms.includes(stem)) return []
    return stem
      .split('-')
      .filter((word) => house.forbiddenWords.includes(word))
      .map((word) => `${path}: the name holds the word ${word}`)
  })
}

function sizeViolations({ path, lines }: Source, house: House): readonly string[] {
  return lines > house.maxLines ? [`${path}: ${lines} lines are more than ${house.maxLines}`] : []
}

function exportViolations({ path, defaultExport, exportAll }: Source): readonly string[] {
  return [
    ...(defaultExport ? [`${path}: has a default export`] : []),
    ...(exportAll ? [`${path}: exports everything of another module instead of names`] : []),
  ]
}

/** Every name that two files export for two things. */
function sharedNames(sources: readonly Source[], house: House): readonly string[] {
  const holders = new Map<string, string>()
  return sources
    .filter(({ path }) => !isWithin(path, house.facades))
    .flatMap(({ path, exports }) =>
      exports.flatMap((name) => {
        const holder = holders.get(name)
        holders.set(name, path)
        return holder === undefined ? [] : [`${path}: exports ${name}, as ${holder} does`]
      }),
    )
}

function globalViolations({ path, globals }: Source, house: House): readonly string[] {
  return globals
    .filter((name) => Object.hasOwn(house.globals, name) && !isWithin(path, house.globals[name] ?? []))
    .map((name) => `${path}: uses ${name}`)
}

function placeViolations(files: FileSet, house: House): readonly string[] {
  const found = new Set([...files.keys()].map(placeOf))
  const unknown = [...found].filter((place) => !Object.hasOwn(house.places, place)).map((place) => `src/${place} has no place in the table`)
  const empty = Object.keys(house.places)
    .filter((place) => !found.has(place))
    .map((place) => `src/${place} stands in the table and not in src`)
  return [...unknown, ...empty]
}

function importViolations(source: Source, files: FileSet, house: House): readonly string[] {
  return source.imports.flatMap((imported) => {
    const { path } = source
    const { specifier } = imported
    if (specifier === undefined) return [`${path}: imports a module whose name is computed`]
    if (specifier.startsWith('.')) {
      const file = join(dirname(path), specifier)
      if (!files.has(file)) return [`${path}: imports ${specifier}, which is not a file of src`]
      return mayImport(path, file, imported.typeOnly, house) ? [] : [`${path}: may not import ${file}`]
    }
    if (specifier.startsWith('node:') || builtinModules.includes(specifier))
      return builtinViolations(path, specifier, imported.names, house)
    // The published schemas of this package, which the bundle of the command line contains.
    if (specifier.startsWith('k3s-mirror/schemas/')) return isWithin(path, ['cli']) ? [] : [`${path}: may not import ${specifier}`]
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
    return isWithin(path, house.packages[name] ?? []) ? [] : [`${path}: may not import the package ${name}`]
  })
}

function mayImport(path: string, file: string, typeOnly: boolean, house: House): boolean {
  const [from, to] = [placeOf(path), placeOf(file)]
  const allowed = house.places[from] ?? []
  const name = file.slice('src/'.length)
  return from === to || [to, name].some((one) => allowed.includes(one) || (typeOnly && allowed.includes(`type:${one}`)))
}

function builtinViolations(path: string, specifier: string, names: readonly string[], house: House): readonly string[] {
  if (!specifier.startsWith('node:')) return [`${path}: imports ${specifier} without node:`]
  const only = house.onlyBuiltins[placeOf(path)]
  if (only !== undefined) {
    const allowed = only[specifier]
    if (allowed === 'all' || (allowed !== undefined && names.length > 0 && names.every((name) => allowed.includes(name)))) return []
    return [`${path}: may not import ${[specifier, ...names].join(' ')}`]
  }
  const module = specifier.split('/', 1)[0] ?? specifier
  const folders = house.ioBuiltins[module]
  return folders === undefined || isWithin(path, folders) ? [] : [`${path}: may not import ${specifier}`]
}

/** Every import cycle once, as the files in order, the first one again at the end. */
function findCycles(sources: readonly Source[]): readonly (readonly string[])[] {
  const edges = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.flatMap(({ specifier }) => (specifier?.startsWith('.') === true ? [join(dirname(path), specifier)] : [])),
    ]),
  )
  const done = new Set<string>()
  const cycles: (readonly string[])[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const begin = trail.indexOf(path)
    if (begin !== -1) cycles.push([...trail.slice(begin), path])
    if (begin !== -1 || done.has(path)) return
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of edges.keys()) visit(path, [])
  return cycles
}
