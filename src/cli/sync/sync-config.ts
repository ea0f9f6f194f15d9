import { dirname, resolve } from 'node:path'
import { parseDestination } from '../../connect/destination.ts'
import { isMirrorError, MirrorError } from '../../errors.ts'
import { layoutDirectory } from '../../oci/image-destination.ts'
import type { IfChanged } from '../../plan/resolve-image.ts'
import { formatPosition } from '../../registries-yaml/read/read-registries.ts'
import { parseWait } from '../options/values.ts'
import { checkEntryValues } from './check-entry-values.ts'
import { readConfigDocument, type ConfigPath, type ConfigProblem } from './config-document.ts'
import { findSchemaProblems } from './config-schema.ts'
import { findSecrets } from './find-secrets.ts'

/** Options that an entry shares with `mirror`, and that `defaults` may set. Paths are absolute. */
export interface EntryOptions {
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  readonly platforms?: readonly string[]
  readonly sparse?: boolean
  readonly foreignLayers?: boolean
  readonly rewrite?: readonly string[]
  readonly flatten?: boolean
  readonly ifChanged?: IfChanged
  readonly recheck?: boolean
  readonly from?: Readonly<Record<string, string>>
  readonly registries?: string
  readonly artifactUrl?: string
  readonly channelUrl?: string
  readonly tokenHosts?: readonly string[]
  readonly storageHosts?: readonly string[]
  readonly jobs?: number
  readonly blobJobs?: number
  readonly retries?: number
  /** Seconds. */
  readonly timeout?: number
  readonly via?: 'registry' | 'docker'
  readonly dockerHost?: string
  readonly keep?: boolean
}

/** One entry: a selection, its destinations, and how it is mirrored. */
export interface SyncEntry extends EntryOptions {
  readonly name: string
  readonly to: readonly string[]
  readonly releases?: readonly string[]
  readonly images?: readonly string[]
  readonly manifests?: readonly string[]
  readonly withUpgradeImages?: boolean
  readonly references?: readonly string[]
  readonly listSha256?: string
  readonly locked?: string
}

/** A checked configuration, its defaults applied. */
export interface SyncConfig {
  /** Milliseconds. */
  readonly interval: number | undefined
  readonly entries: readonly SyncEntry[]
}

/** Problems that are reported at once. */
const mostProblems = 10

/** The schema makes sure of this shape. */
interface RawConfig {
  readonly interval?: string
  readonly defaults?: Readonly<Record<string, unknown>>
  readonly sync: readonly Readonly<Record<string, unknown>>[]
}

const lists: ReadonlySet<string> = new Set([
  'to',
  'releases',
  'images',
  'manifests',
  'references',
  'include',
  'exclude',
  'platforms',
  'rewrite',
  'tokenHosts',
  'storageHosts',
])

const isUrl = (text: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(text)

/** A path of the file, which is relative to the file; other places stay as they are. */
function placeIn(directory: string, place: string, key: string): string {
  const layout = layoutDirectory(place, key)
  return layout === undefined ? place : `oci:${resolve(directory, layout)}`
}

/** An option as the library expects it: a single string of a list as a list, paths absolute. */
function settle(key: string, value: unknown, directory: string): unknown {
  const listed = lists.has(key) && typeof value === 'string' ? [value] : value
  if (key === 'registries' || key === 'locked') return resolve(directory, value as string)
  if (key === 'to') return (listed as string[]).map((place) => placeIn(directory, place, key))
  if (key === 'images' || key === 'manifests')
    return (listed as string[]).map((name) =>
      isUrl(name) ? name : name.startsWith('oci:') ? placeIn(directory, name, key) : resolve(directory, name),
    )
  if (key !== 'from') return listed
  return Object.fromEntries(
    Object.entries(value as Record<string, string>).map(([registry, place]) => [registry, placeIn(directory, place, key)]),
  )
}

/** Names one destination whatever its spelling. */
function placeKey(to: string): string {
  const { directory, endpoint } = parseDestination(to)
  return directory === undefined ? `${endpoint.origin.host}/${endpoint.prefix}` : `oci:${directory}`
}

/** The entries with the defaults applied; reports the problems that one value does not show. */
function readEntries(
  { defaults = {}, sync }: RawConfig,
  directory: string,
  report: (path: ConfigPath, why: string, hint?: string) => void,
): readonly SyncEntry[] {
  const names = new Map<unknown, number>()
  return sync.map((own, index) => {
    const place = (key: string): ConfigPath => (Object.hasOwn(own, key) ? ['sync', index, key] : ['defaults', key])
    const name = String(own['name'])
    const first = names.get(name)
    if (first !== undefined) report(place('name'), `two entries have the name ${name}`, 'give each entry a name of its own')
    names.set(name, index)
    const attempt = (key: string, action: () => unknown): unknown => {
      try {
        return action()
      } catch (error) {
        if (!isMirrorError(error)) throw error
        report(place(key), `${key}: ${error.message.replace(new RegExp(`^(?:invalid )?(?:options\\.)?${key}:? `), '')}`, error.hint)
        return undefined
      }
    }
    const merged = Object.entries({ ...defaults, ...own })
    const entry = Object.fromEntries(merged.map(([key, value]) => [key, attempt(key, () => settle(key, value, directory))]))
    if (!Object.hasOwn(entry, 'to')) report(['sync', index], `the entry ${name} has no destination`, 'add to, or set it in defaults')
    checkEntryValues(entry, attempt)
    const places = new Set<unknown>()
    for (const to of (entry['to'] as readonly string[] | undefined) ?? []) {
      const key = attempt('to', () => placeKey(to))
      if (key !== undefined && places.has(key)) report(place('to'), `the entry ${name} names a destination twice`, 'remove one of them')
      places.add(key)
    }
    return entry as unknown as SyncEntry
  })
}

const isGuess = (hint: string | undefined): boolean => hint?.startsWith('Did you mean') === true

function refuse(path: string, problems: readonly ConfigProblem[]): never {
  const sorted = problems.toSorted(({ position: a }, { position: b }) => a.line - b.line || a.column - b.column)
  const found = new Map(sorted.map((problem) => [`${formatPosition(path, problem.position)}: ${problem.why}`, problem]))
  const shown = [...found].slice(0, mostProblems)
  const isSingle = found.size === 1
  const lines = shown.map(([text, { hint = '' }]) => (!isSingle && isGuess(hint) ? `${text}. ${hint}` : text))
  const more = found.size > shown.length ? `; and ${found.size - shown.length} more` : ''
  const hint = sorted.find((problem) => problem.hint !== undefined && (isSingle || !isGuess(problem.hint)))?.hint
  throw new MirrorError('INVALID_CONFIG', `${lines.join('; ')}${more}`, {
    hint: hint ?? 'compare the file with schemas/sync-config.schema.json of this package',
  })
}

/** Reads a configuration of sync; `path` names it in messages, and paths in it are relative to its directory. Throws INVALID_CONFIG with the position of each problem, and without values that may be secret. */
export function parseSyncConfig(text: string, path: string, environment: NodeJS.ProcessEnv): SyncConfig {
  const document = readConfigDocument(text, environment)
  const found = [...document.problems]
  if (found.length === 0) found.push(...findSecrets(document.value, document.positionOf))
  if (document.value !== undefined) found.push(...findSchemaProblems(document))
  if (found.length > 0) refuse(path, found)
  const raw = document.value as RawConfig
  const problems: ConfigProblem[] = []
  const entries = readEntries(raw, path === '-' ? resolve() : dirname(resolve(path)), (at, why, hint) =>
    problems.push({ position: document.positionOf(at), why, hint }),
  )
  let interval: number | undefined
  try {
    interval = raw.interval === undefined ? undefined : parseWait(raw.interval)
  } catch (error) {
    problems.push({ position: document.positionOf(['interval']), why: `invalid interval: ${(error as Error).message}` })
  }
  if (problems.length > 0) refuse(path, problems)
  return { interval, entries }
}
