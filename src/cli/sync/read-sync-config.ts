import { parseDestination, refuseSharedLogin } from '../../connect/destination.ts'
import { MirrorError } from '../../errors.ts'
import { nearestFirst } from '../../oci/nearest.ts'
import { readBoundedFile } from '../../registries-yaml/read/bounded-file.ts'
import { quoted } from '../../text/printable.ts'
import { destinationCredentials } from '../actions/library-options.ts'
import { readStandardInput } from '../actions/registries/read-standard-input.ts'
import { parseSyncConfig, type SyncConfig } from './sync-config.ts'

/** Bytes of a configuration at most. */
const mostBytes = 1024 * 1024

async function readText(path: string, signal: AbortSignal): Promise<string> {
  const read = path === '-' ? ((await readStandardInput(mostBytes, signal)) ?? 'too large') : await readBoundedFile(path, mostBytes, signal)
  if (typeof read === 'string') {
    const reasons: Readonly<Record<string, string>> = { ENOENT: 'no such file', EACCES: 'permission denied', EISDIR: 'not a file' }
    throw new MirrorError('INVALID_CONFIG', `cannot read ${path}: ${reasons[read] ?? read}`, {
      hint: 'pass --config with a YAML file of at most 1 MiB',
    })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(read instanceof Uint8Array ? read : read.bytes)
  } catch (cause) {
    throw new MirrorError('INVALID_CONFIG', `${path} is not UTF-8`, { hint: 'save the file as UTF-8', cause })
  }
}

/** The entries with these names, in the order of the file. Throws USAGE for a name that no entry has. */
function pickOnly(config: SyncConfig, only: readonly string[] | undefined): SyncConfig {
  if (only === undefined) return config
  const names = config.entries.map(({ name }) => name)
  const unknown = only.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    const hint = `Did you mean ${nearestFirst(unknown, names)[0] ?? ''}?`
    throw new MirrorError('USAGE', `--only names an entry that the file does not have: ${quoted(unknown)}`, { hint })
  }
  return { ...config, entries: config.entries.filter(({ name }) => only.includes(name)) }
}

/** Reads the file of `--config`, or standard input for `-`, and picks the entries of `--only`. Throws INVALID_CONFIG, USAGE. */
export async function readSyncConfig(
  path: string,
  {
    only,
    signal,
    environment,
  }: { readonly only?: readonly string[] | undefined; readonly signal: AbortSignal; readonly environment: NodeJS.ProcessEnv },
): Promise<SyncConfig> {
  const config = pickOnly(parseSyncConfig(await readText(path, signal), path, environment), only)
  const places = config.entries.flatMap(({ to }) => to.map(parseDestination))
  refuseSharedLogin(places, destinationCredentials(environment))
  return config
}
