import { posix } from 'node:path'
import { MirrorError } from '../../errors.ts'
import { buildHostTable, withEmbeddedRegistry, type HostEntry, type K3sFlags } from '../hosts/host-table.ts'
import type { Registries } from '../registries.ts'
import { quotedKey } from './rendered.ts'

/** Bytes that Linux allows for one name in a directory. */
const longestName = 255

function refuse(key: string, why: string): never {
  throw new MirrorError('INVALID_CONFIG', `no hosts.toml can be written for ${quotedKey(key)}: ${why}`, {
    hint: 'The keys of mirrors and configs are names of registries: host or host:port.',
  })
}

/** Where K3s writes the hosts.toml of a registry, relative to the directory that certs.d is in; throws INVALID_CONFIG for a key that leads elsewhere. */
function hostsPath(key: string): string {
  const path = posix.join('certs.d', key, 'hosts.toml')
  if (!path.startsWith('certs.d/')) refuse(key, 'K3s would leave its directory')
  if (path.includes('\0')) refuse(key, 'no path can hold a NUL')
  if (path.split('/').some((name) => Buffer.byteLength(name) > longestName))
    refuse(key, 'the name is too long, and K3s does not start with it')
  return path
}

/** The keys by path, with a sentence for each that shares its path with another. Throws INVALID_CONFIG also where one is inside of another. */
function hostsPaths(keys: Iterable<string>): { readonly keyOf: ReadonlyMap<string, string>; readonly notes: readonly string[] } {
  const keyOf = new Map<string, string>()
  const notes: string[] = []
  for (const key of keys) {
    const path = hostsPath(key)
    const other = keyOf.get(path)
    if (other !== undefined) {
      notes.push(
        `${quotedKey(other)} and ${quotedKey(key)} have the same directory, ${posix.dirname(path)}: K3s takes one of them at random, here it is the second`,
      )
    }
    if (path === 'certs.d/hosts.toml') {
      notes.push(
        `${quotedKey(key)} names certs.d itself: K3s empties that directory before it writes, and containerd reads no hosts.toml there`,
      )
    }
    keyOf.set(path, key)
  }
  for (const [path, key] of keyOf) {
    for (let parent = posix.dirname(path); parent.includes('/'); parent = posix.dirname(parent)) {
      if (keyOf.has(parent)) refuse(key, 'its directory is the hosts.toml of another one, and K3s does not start')
    }
  }
  return { keyOf, notes }
}

/** Every hosts.toml of a node, and the registries as its flags leave them. Throws INVALID_CONFIG where K3s would not start or would leave certs.d. */
export function renderHosts(
  registries: Registries,
  flags: K3sFlags,
  render: (entry: HostEntry, key: string, effective: Registries) => string,
): { readonly files: Map<string, string>; readonly notes: readonly string[]; readonly effective: Registries } {
  const { hosts } = buildHostTable(registries, flags)
  const { keyOf, notes } = hostsPaths(hosts.keys())
  const effective = flags.embeddedRegistry === true ? withEmbeddedRegistry(registries) : registries
  const files = new Map<string, string>()
  for (const [key, entry] of hosts) {
    const path = hostsPath(key)
    if (keyOf.get(path) === key) files.set(path, render(entry, key, effective))
  }
  return { files, notes, effective }
}
