import type { Path, ReadProblem } from '../read/decode-yaml.ts'
import type { ParsedRegistries } from '../read/parse-registries.ts'
import { authFields, tlsFields, type Registries } from '../registries.ts'
import type { Edit } from './edit.ts'

/** One thing that a file says: a value, or that a name exists. */
interface Statement {
  readonly path: Path
  readonly value: string | true
}

/** Everything that K3s reads in a file, in its order. */
function* statementsOf({ mirrors, configs }: Registries): Iterable<Statement> {
  for (const [name, { endpoints, rewrites }] of mirrors) {
    yield { path: ['mirrors', name], value: true }
    for (const [index, value] of endpoints.entries()) yield { path: ['mirrors', name, 'endpoint', index], value }
    for (const [pattern, value] of rewrites) yield { path: ['mirrors', name, 'rewrite', pattern], value }
  }
  for (const [host, { auth, tls }] of configs) {
    yield { path: ['configs', host], value: true }
    if (auth !== undefined) yield { path: ['configs', host, 'auth'], value: true }
    for (const [field, value] of auth === undefined ? [] : authFields(auth)) yield { path: ['configs', host, 'auth', field], value }
    if (tls !== undefined) yield { path: ['configs', host, 'tls'], value: true }
    for (const [field, value] of tls === undefined ? [] : tlsFields(tls)) yield { path: ['configs', host, 'tls', field], value }
  }
}

/** What edits announce, by path. */
interface Announced {
  /** New names by the path of an entry. */
  readonly renamed: ReadonlyMap<string, string>
  /** The paths of values that were ignored before. */
  readonly corrected: readonly Path[]
  readonly unquoted: ReadonlySet<string>
  readonly listed: ReadonlySet<string>
}

function announcedBy(edits: readonly Edit[]): Announced {
  const pathsOf = (kind: Edit['kind']): ReadonlySet<string> =>
    new Set(edits.flatMap((edit) => (edit.kind === kind ? [JSON.stringify(edit.path)] : [])))
  return {
    renamed: new Map(edits.flatMap((edit) => (edit.kind === 'rename' ? [[JSON.stringify(edit.path), edit.to] as const] : []))),
    corrected: edits.flatMap((edit) => (edit.kind === 'correct' ? [[...edit.path.slice(0, -1), edit.to]] : [])),
    unquoted: pathsOf('unquote'),
    listed: pathsOf('list'),
  }
}

/** The same path with the new name of its mirror or config. */
function movedPath(path: Path, { renamed }: Announced): Path {
  const to = renamed.get(JSON.stringify(path.slice(0, 2)))
  return to === undefined ? path : [...path.slice(0, 1), to, ...path.slice(2)]
}

/** True for a path at or below one of these. */
function isBelow(path: Path, parents: ReadonlySet<string>): boolean {
  return path.some((_, index) => parents.has(JSON.stringify(path.slice(0, index + 1))))
}

type Error = Pick<ReadProblem, 'kind' | 'path' | 'why'>

/** The errors that edits leave. One value that several paths share is one error of the file. */
function errorsAfter({ problems }: ParsedRegistries, announced: Announced): readonly Error[] {
  const place = ({ kind, position }: ReadProblem): string => `${kind} ${position.line}:${position.column}`
  const isSolved = ({ kind, path }: ReadProblem): boolean =>
    (kind === 'quoted-boolean' && announced.unquoted.has(JSON.stringify(path))) ||
    (kind === 'string-for-list' && announced.listed.has(JSON.stringify(path)))
  const solved = new Set(problems.filter(isSolved).map(place))
  return problems
    .filter((problem) => !solved.has(place(problem)))
    .map(({ kind, path, why }) => ({ kind, path: movedPath(path, announced), why }))
}

/**
 * True if a file means after these edits what it meant before, except for what they announce: renamed entries have their new name, corrected keys
 * have the value that K3s ignored, and the errors that the edits solve are gone.
 */
export function meansTheSame(before: ParsedRegistries, after: ParsedRegistries, edits: readonly Edit[]): boolean {
  const announced = announcedBy(edits)
  const said = [...statementsOf(before.registries)]
  const corrected = new Set(announced.corrected.map((path) => JSON.stringify(path)))
  if (said.some(({ path }) => isBelow(path, corrected))) return false
  const expected = said.map(({ path, value }) => ({ path: movedPath(path, announced), value }))
  const revealed = new Set(announced.corrected.map((path) => JSON.stringify(movedPath(path, announced))))
  const found = [...statementsOf(after.registries)].filter(({ path }) => !isBelow(path, revealed))
  const errors = errorsAfter(after, announcedBy([]))
  return JSON.stringify([found, errors]) === JSON.stringify([expected, errorsAfter(before, announced)])
}
