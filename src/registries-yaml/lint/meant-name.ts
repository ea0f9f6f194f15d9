import type { Edit } from '../fix/edit.ts'
import type { LintContext, WrittenKey } from './context.ts'
import { keyFault, meantKey } from './key-fault.ts'

/** `host[:port]`, with an address in brackets. */
const registryName = /^(?:\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::[0-9]+)?$/
/** The paths that belong to the registry's API, or to Docker's login files. */
const pathOfApi = /^(?:[a-z][a-z0-9+.-]*:\/\/)?[^/?#@]+(?:\/(?:v[12]\/?)?)?$/i
const dockerHub: ReadonlySet<string> = new Set(['docker.io', 'registry-1.docker.io', 'index.docker.io'])

/** The registry that a key is for; K3s looks up one entry of `configs` for all names of Docker Hub. */
function registryOf(name: string, section: WrittenKey['section']): string {
  return `${section} ${section === 'configs' && dockerHub.has(name) ? 'docker.io' : name}`
}

/** What decides about every key of a file, computed once. */
interface Names {
  /** The number of keys that have or mean a registry. */
  readonly keys: ReadonlyMap<string, number>
  /** The hosts of endpoints by their lower-case spelling. */
  readonly hosts: ReadonlyMap<string, ReadonlySet<string>>
}

const namesOf = new WeakMap<LintContext, Names>()

function readNames(context: LintContext): Names {
  const known = namesOf.get(context)
  if (known !== undefined) return known
  const keys = new Map<string, number>()
  for (const { section, key } of context.keys) {
    const meant = new Set([key, meantKey(key, section)].map((name) => registryOf(name, section)))
    for (const name of meant) keys.set(name, (keys.get(name) ?? 0) + 1)
  }
  const hosts = new Map<string, Set<string>>()
  for (const { host = '' } of context.endpoints) hosts.set(host.toLowerCase(), (hosts.get(host.toLowerCase()) ?? new Set()).add(host))
  const names = { keys, hosts }
  namesOf.set(context, names)
  return names
}

/** Renames a key to the registry that it is meant for. Undefined where that is uncertain: another entry is meant for the same registry, or the key selects a part of it. */
export function renameEdit({ section, key }: WrittenKey, context: LintContext, to: string = meantKey(key, section)): Edit | undefined {
  if (!registryName.test(to) || keyFault(to, section) !== undefined) return undefined
  const { keys, hosts } = readNames(context)
  if (section === 'mirrors') {
    if (!pathOfApi.test(key)) return undefined
  } else if (key.includes('@') || [...(hosts.get(to) ?? [])].some((host) => host !== to)) return undefined
  const own = [key, meantKey(key, section)].some((name) => registryOf(name, section) === registryOf(to, section)) ? 1 : 0
  return (keys.get(registryOf(to, section)) ?? 0) > own ? undefined : { kind: 'rename', path: [section, key], to }
}
