import { posix } from 'node:path'
import { withoutUserinfo } from '../../registries-yaml/render/rendered.ts'
import { readHostsToml } from '../../registries-yaml/resolve/read-hosts-toml.ts'
import { escaped, quoted } from '../../text/printable.ts'
import { nodeFinding, type FindingDetails, type NodeFinding, type NodeFindingId } from './finding.ts'
import { unreadableFinding, type NodeFile, type NodeFiles } from './node-files.ts'

/** What K3s will do with the hosts.toml of a registry at its next start. */
export type CertsState = 'same' | 'changed' | 'missing' | 'left-over' | 'foreign-kept' | 'foreign-replaced' | 'unreadable'

/** A directory of certs.d. */
export interface CheckedHosts {
  /** Its name: the registry, or `_default`. */
  readonly registry: string
  /** The path of hosts.toml on the node. */
  readonly path: string
  /** What K3s does with the file when it starts. */
  readonly state: CertsState
}

/** What is known about certs.d, apart from its files. */
export interface CertsInput {
  /** The directory certs.d on the node. */
  readonly certs: string
  /** Texts that K3s would write now, by path from `certs.d/` on. */
  readonly rendered: ReadonlyMap<string, string>
  /** The line by which K3s recognizes its own files. */
  readonly header: string
  /** Why the rendered files can differ, as in `registries.yaml was changed after K3s started`; undefined if unknown. */
  readonly cause: string | undefined
}

const maxBytes = 1024 * 1024
const mostNamed = 3
const restartFix = 'restart K3s, which writes certs.d when it starts'

/** The endpoints of a hosts.toml in a sentence, without credentials. */
function endpointsOf(text: string): string {
  const hosts = readHosts(text) ?? []
  const urls = [
    ...new Set(hosts.map(({ scheme, host }) => (host === '' ? 'the registry in the image name' : `${scheme}://${withoutUserinfo(host)}`))),
  ]
  const more = urls.length > mostNamed ? ` and ${urls.length - mostNamed} more` : ''
  return urls.length === 0 ? 'no endpoint' : `${urls.slice(0, mostNamed).map(escaped).join(', ')}${more}`
}

function readHosts(text: string): ReturnType<typeof readHostsToml> {
  try {
    return readHostsToml(text)
  } catch {
    // A file without [host], or with values of other types.
    return readHostsToml(`${text}\n[host]\n`)
  }
}

/** True for a hosts.toml that containerd can read; values of other types than its own count as invalid. */
function isReadable(text: string): boolean {
  try {
    return readHosts(text) !== undefined
  } catch {
    return false
  }
}

/** The finding for each state of an existing file; `@` stands for the endpoints. */
const described: Readonly<
  Record<'same' | 'changed' | 'left-over' | 'foreign-kept' | 'foreign-replaced', readonly [NodeFindingId, string, FindingDetails]>
> = {
  same: ['certs-same', 'is what K3s would write now: containerd asks @', {}],
  changed: [
    'certs-changed',
    'differs from what K3s would write now: containerd asks @',
    { fix: `${restartFix} and replaces manual changes`, restart: true },
  ],
  'left-over': [
    'certs-left-over',
    'K3s removes this file when it starts, because registries.yaml no longer needs it: until then containerd asks @',
    { fix: restartFix, restart: true },
  ],
  'foreign-kept': [
    'certs-foreign-kept',
    'was not written by K3s, which leaves it in place: containerd asks @ for this registry',
    { fix: 'move the settings to registries.yaml and remove the directory, or keep it on purpose' },
  ],
  'foreign-replaced': [
    'certs-foreign-replaced',
    'was not written by K3s, which replaces the directory when it starts, because registries.yaml names this registry: until then containerd asks @',
    { fix: 'move the settings to registries.yaml', restart: true },
  ],
}

function afterRestart(now: string, then: string): string {
  return now === then ? ' now and after a restart, with other rewrites, paths or TLS settings' : ` until K3s restarts, and ${then} then`
}

/** The state of an existing hosts.toml. As in K3s, the header counts only with its line end. */
function stateOf(
  text: string,
  wanted: string | undefined,
  { header, isLink }: { readonly header: string; readonly isLink: boolean },
): keyof typeof described {
  if (wanted === text) return 'same'
  const isOwn = text.startsWith(`${header}\n`)
  if (wanted !== undefined) return isOwn ? 'changed' : 'foreign-replaced'
  // K3s removes only directories, and leaves links to them.
  return isOwn && !isLink ? 'left-over' : 'foreign-kept'
}

/** The names under which containerd looks for a registry, in order: https://github.com/containerd/containerd/blob/main/docs/hosts.md */
function lookedUp(registry: string): string | undefined {
  const at = registry.lastIndexOf(':')
  return at === -1 ? undefined : `${registry.slice(0, at)}_${registry.slice(at + 1)}_`
}

/** Compares certs.d with what K3s would write now. */
export async function checkCerts(
  files: NodeFiles,
  { certs, rendered, header, cause }: CertsInput,
): Promise<{ readonly hosts: readonly CheckedHosts[]; readonly findings: readonly NodeFinding[] }> {
  const hosts: CheckedHosts[] = []
  const findings: NodeFinding[] = []
  const because = cause === undefined ? '' : ` (${cause})`
  const entries = await files.list(certs)
  if (typeof entries === 'string') {
    const unread = unreadableFinding(certs, entries)
    if (unread !== undefined) return { hosts, findings: [unread] }
  }
  const existing = typeof entries === 'string' ? [] : entries.filter(({ kind }) => kind === 'directory')
  const names = new Set(existing.map(({ name }) => name))
  const paths = new Map(existing.map(({ name, isLink }) => [`certs.d/${name}/hosts.toml`, isLink]))
  for (const path of rendered.keys()) if (!paths.has(path)) paths.set(path, false)
  for (const [key, isLink] of paths) {
    const path = posix.join(certs, key.slice('certs.d/'.length))
    const registry = posix.dirname(key).slice('certs.d/'.length)
    const wanted = rendered.get(key)
    const file: NodeFile | string = await files.read(path, maxBytes)
    if (typeof file === 'string') {
      const unread = unreadableFinding(path, file)
      if (unread !== undefined) {
        hosts.push({ registry, path, state: 'unreadable' })
        findings.push(unread)
      } else if (wanted !== undefined) {
        hosts.push({ registry, path, state: 'missing' })
        findings.push(
          nodeFinding(
            'certs-missing',
            path,
            `does not exist, but K3s would write it now${because}: containerd does not use these endpoints: ${endpointsOf(wanted)}`,
            { fix: restartFix, restart: true },
          ),
        )
      } else if (rendered.has('certs.d/_default/hosts.toml')) {
        findings.push(
          nodeFinding(
            'certs-empty-directory',
            posix.dirname(path),
            'has no hosts.toml: containerd does not use the mirror "*" for this registry',
            { fix: 'remove the empty directory' },
          ),
        )
      }
      continue
    }
    const state = stateOf(file.text, wanted, { header, isLink })
    hosts.push({ registry, path, state })
    const [id, message, details] = described[state]
    const asked = endpointsOf(file.text)
    const change = state === 'changed' && wanted !== undefined ? afterRestart(asked, endpointsOf(wanted)) + because : ''
    findings.push(nodeFinding(id, path, message.replace('@', () => asked) + change, details))
    if (state.startsWith('foreign') && !isReadable(file.text))
      findings.push(
        nodeFinding('certs-invalid', path, 'containerd cannot read this file and asks only the registry itself', {
          fix: 'correct the file, or remove its directory',
        }),
      )
  }
  for (const { registry, path } of hosts) {
    const first = lookedUp(registry)
    if (first !== undefined && names.has(first))
      findings.push(
        nodeFinding('certs-shadowed', path, `containerd does not read this file, because it finds the directory ${quoted(first)} first`, {
          fix: `remove ${posix.join(certs, first)}`,
        }),
      )
  }
  return { hosts, findings }
}
