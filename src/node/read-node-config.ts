import { readdir, stat } from 'node:fs/promises'
import { posix } from 'node:path'
import { isMirrorError, MirrorError, systemReason } from '../errors.ts'
import { readBoundedFile } from '../registries-yaml/read/bounded-file.ts'
import { YamlDecoder } from '../registries-yaml/read/decode-yaml.ts'
import { decodeRegistriesText, formatPosition } from '../registries-yaml/read/read-registries.ts'
import { parseYaml } from '../registries-yaml/read/yaml-document.ts'
import type { YamlPair } from '../registries-yaml/read/yaml-schema.ts'
import { readSettings, withoutServerFlags } from './config-settings.ts'
import { mergeConfig, type ConfigPairs } from './config-values.ts'
import type { NodeSettings } from './node-settings.ts'
import { pathBelowRoot } from './path-below-root.ts'

/** The settings in a node's configuration. */
export interface NodeConfig {
  readonly settings: NodeSettings
  /** The files that were read, by their paths on the node, in the order of K3s. */
  readonly files: readonly string[]
  /** Sentences about settings with a surprising effect, each with its position. */
  readonly warnings: readonly string[]
}

/** Where the files of a node are. */
export interface NodeConfigOptions {
  /** The directory that holds a copy of the node's files; default: `/`. */
  readonly root?: string | undefined
  /** Accept that there is neither the file nor a drop-in file, as K3s does for its default path. */
  readonly isOptional?: boolean | undefined
  /** The node is an agent, which skips the flags of servers. */
  readonly isAgent?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** Largest configuration file in bytes. */
const maxBytes = 256 * 1024
const pathHint = 'pass the path of a config.yaml of K3s that this user may read'
const hint = 'correct the file: https://docs.k3s.io/installation/configuration#configuration-file'

function refuse(path: string, code: string): never {
  const reasons: Readonly<Record<string, string>> = {
    'not a file': 'not a regular file',
    'too large': 'larger than 256 KiB',
    ENOENT: 'no such file',
  }
  throw new MirrorError('INVALID_CONFIG', `cannot read ${path}: ${reasons[code] ?? systemReason({ code })}`, { hint: pathHint })
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return decodeRegistriesText(bytes, path)
  } catch (error) {
    throw isMirrorError(error) ? error.with({ hint }) : error
  }
}

/** Parses one file. Throws INVALID_CONFIG with the position of each error. */
function parsePairs(text: string, path: string): readonly YamlPair[] {
  const document = parseYaml(text)
  const decoder = new YamlDecoder(document)
  const pairs = decoder.decode({ type: 'pairs' }) as readonly YamlPair[]
  const problems = document.problem === undefined ? decoder.problems : [document.problem]
  if (problems.length === 0) return pairs
  const messages = problems.map(({ position, why }) => `${formatPosition(path, position)}: ${why}`)
  throw new MirrorError('INVALID_CONFIG', messages.join('; '), { hint })
}

/** Names of the drop-in files, in the order of K3s; a directory does not count, but a link to one does. */
async function listDropIns(directory: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true })
    const names = entries.filter((entry) => !entry.isDirectory() && /\.ya?ml$/i.test(entry.name)).map(({ name }) => name)
    return names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? [] : refuse(directory, code)
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? false : refuse(path, code)
  }
}

/** Reads a config.yaml and the files of its directory `config.yaml.d`: https://docs.k3s.io/installation/configuration#configuration-file. Throws INVALID_CONFIG for files with which K3s does not start, and for a missing file. */
export async function readNodeConfig(path: string, options: NodeConfigOptions = {}): Promise<NodeConfig> {
  const { root, isOptional = false, isAgent = false, signal } = options
  const dropIns = await listDropIns(await pathBelowRoot(root, `${path}.d`))
  const hasMain = await exists(await pathBelowRoot(root, path))
  if (!hasMain && dropIns.length === 0 && !isOptional) refuse(path, 'ENOENT')
  const files = [...(hasMain ? [path] : []), ...dropIns.map((name) => posix.join(`${path}.d`, name))]
  const read: ConfigPairs[] = []
  for (const file of files) {
    const content = await readBoundedFile(await pathBelowRoot(root, file), maxBytes, signal)
    if (typeof content === 'string') refuse(file, content)
    read.push({ path: file, pairs: parsePairs(decode(content.bytes, file), file) })
  }
  // RKE2 has its own defaults, and its own directory for this file.
  const product = path.startsWith('/etc/rancher/rke2/') ? 'rke2' : undefined
  const entries = mergeConfig(read)
  const { settings, warnings } = readSettings(isAgent ? withoutServerFlags(entries, product ?? 'k3s') : entries)
  return { settings: { ...settings, ...(product !== undefined && { product }) }, files, warnings }
}
