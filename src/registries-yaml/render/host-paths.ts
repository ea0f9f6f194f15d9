import { posix } from 'node:path'
import { MirrorError } from '../../errors.ts'
import { quoted } from './rendered.ts'

const hint = 'The keys of mirrors and configs are names of registries: host or host:port.'
/** Bytes that Linux allows for one name in a directory. */
const longestName = 255

function refuse(key: string, why: string): never {
  throw new MirrorError('INVALID_CONFIG', `no hosts.toml can be written for ${quoted(key)}: ${why}`, { hint })
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

/** The paths of several registries, with a sentence for each that another one has too. Throws INVALID_CONFIG also where one is inside of another. */
export function hostsPaths(keys: Iterable<string>): { readonly paths: ReadonlyMap<string, string>; readonly notes: readonly string[] } {
  const keyOf = new Map<string, string>()
  const notes: string[] = []
  for (const key of keys) {
    const path = hostsPath(key)
    const other = keyOf.get(path)
    if (other !== undefined) {
      notes.push(
        `${quoted(other)} and ${quoted(key)} have the same directory, ${posix.dirname(path)}: K3s takes one of them at random, here it is the second`,
      )
    }
    if (path === 'certs.d/hosts.toml') {
      notes.push(
        `${quoted(key)} names certs.d itself: K3s empties that directory before it writes, and containerd reads no hosts.toml there`,
      )
    }
    keyOf.set(path, key)
  }
  for (const [path, key] of keyOf) {
    for (let parent = posix.dirname(path); parent.includes('/'); parent = posix.dirname(parent)) {
      if (keyOf.has(parent)) refuse(key, 'its directory is the hosts.toml of another one, and K3s does not start')
    }
  }
  return { paths: new Map([...keyOf].map(([path, key]) => [key, path])), notes }
}
