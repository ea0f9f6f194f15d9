import { posix } from 'node:path'
import { MirrorError } from '../../errors.ts'
import { buildHostTable, withEmbeddedRegistry, type HostEntry } from '../hosts/host-table.ts'
import type { K3sFlags } from '../hosts/k3s-flags.ts'
import type { Registries } from '../registries.ts'
import { quotedKey } from './rendered.ts'

/** Bytes of the longest file name on Linux. */
const longestName = 255

function refuse(key: string, why: string): never {
  throw new MirrorError('INVALID_CONFIG', `cannot write a hosts.toml for ${quotedKey(key)}: ${why}`, {
    hint: 'write host or host:port as the keys of mirrors and configs',
  })
}

/** The path of a registry's hosts.toml, relative to the parent of certs.d. Throws INVALID_CONFIG for a key that leads elsewhere. */
function hostsPath(key: string): string {
  const path = posix.join('certs.d', key, 'hosts.toml')
  if (!path.startsWith('certs.d/')) refuse(key, 'the path is outside certs.d')
  if (path.includes('\0')) refuse(key, 'a path cannot contain NUL')
  if (path.split('/').some((name) => Buffer.byteLength(name) > longestName)) refuse(key, 'the name is too long, so K3s does not start')
  return path
}

/** The keys by path, with a note about each shared path. Throws INVALID_CONFIG if one path is inside of another. */
function hostsPaths(keys: Iterable<string>): { readonly keyOf: ReadonlyMap<string, string>; readonly notes: readonly string[] } {
  const keyOf = new Map<string, string>()
  const notes: string[] = []
  for (const key of keys) {
    const path = hostsPath(key)
    const other = keyOf.get(path)
    if (other !== undefined) {
      notes.push(
        `${quotedKey(other)} and ${quotedKey(key)} have the same directory ${posix.dirname(path)}: K3s picks one at random, this output has the second`,
      )
    }
    if (path === 'certs.d/hosts.toml') {
      notes.push(`${quotedKey(key)} is certs.d itself: K3s empties that directory, and containerd ignores a hosts.toml there`)
    }
    keyOf.set(path, key)
  }
  for (const [path, key] of keyOf) {
    for (let parent = posix.dirname(path); parent.includes('/'); parent = posix.dirname(parent)) {
      if (keyOf.has(parent)) refuse(key, 'its directory is the hosts.toml of another key, so K3s does not start')
    }
  }
  return { keyOf, notes }
}

/** Every hosts.toml of a node, and the registries with its flags applied. Throws INVALID_CONFIG if K3s would not start or would write outside of certs.d. */
export function renderHosts(
  registries: Registries,
  flags: K3sFlags,
  render: (entry: HostEntry, key: string, effective: Registries) => string,
): { readonly files: Map<string, string>; readonly notes: readonly string[]; readonly effective: Registries } {
  const { hosts } = buildHostTable(registries, flags)
  const { keyOf, notes } = hostsPaths(hosts.keys())
  const effective = withEmbeddedRegistry(registries, flags)
  const files = new Map<string, string>()
  for (const [key, entry] of hosts) {
    const path = hostsPath(key)
    if (keyOf.get(path) === key) files.set(path, render(entry, key, effective))
  }
  return { files, notes, effective }
}
