import { platform } from 'node:os'
import { MirrorError } from '../errors.ts'
import type { TlsSettings } from '../http/origin-settings.ts'
import { registryHostKeys } from '../oci/registry-host.ts'
import type { Path } from './read/decode-yaml.ts'
import type { ParsedRegistries } from './read/parse-registries.ts'
import { formatPlace, readRegistries } from './read/read-registries.ts'
import { readAuth, type RegistryCredentials } from './resolve/resolve-credentials.ts'
import { shownPath } from './shown-text.ts'
import { readTlsFiles } from './tls-files.ts'

/** The `configs` of a registries.yaml, found by origin: `https://host:port` with the default port left out. The key `*` gives nothing to anyone. */
export interface RegistriesConfigs {
  credentialsFor(origin: string): RegistryCredentials | undefined
  tlsFor(origin: string): TlsSettings | undefined
  /** Sentences for the user. */
  readonly warnings: readonly string[]
}

interface Config {
  readonly credentials: RegistryCredentials | undefined
  readonly tls: TlsSettings | undefined
}

/**
 * Reads the `configs` of a registries.yaml (https://docs.k3s.io/installation/private-registry) and the PEM files that they name, for our
 * own connections. Throws INVALID_CONFIG with file, line and column, and never a value.
 */
export async function readRegistriesConfigs(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RegistriesConfigs> {
  const parsed = await readRegistries(path, options)
  const configs = new Map<string, Config>()
  for (const key of parsed.registries.configs.keys()) {
    configs.set(key.toLowerCase(), { credentials: credentialsOf(parsed, key), tls: await readTls(parsed, key, options) })
  }
  const find = (origin: string): Config | undefined => {
    const key = registryHostKeys(origin).find((candidate) => configs.has(candidate))
    return key === undefined ? undefined : configs.get(key)
  }
  const secrets = [...configs.values()].some(({ credentials }) => credentials !== undefined)
  const isWorldReadable = platform() !== 'win32' && (parsed.mode & 0o004) !== 0
  return {
    credentialsFor: (origin) => find(origin)?.credentials,
    tlsFor: (origin) => find(origin)?.tls,
    warnings:
      secrets && isWorldReadable ? [`${path} holds credentials and can be read by every user of this machine: chmod 600 ${path}`] : [],
  }
}

function refuse(parsed: ParsedRegistries, at: Path, why: string): never {
  throw new MirrorError('INVALID_CONFIG', `${formatPlace(parsed.path, parsed.positionOf(at))}: ${shownPath(at)}: ${why}`, {
    hint: 'Correct the file; https://docs.k3s.io/installation/private-registry describes it.',
  })
}

function credentialsOf(parsed: ParsedRegistries, key: string): RegistryCredentials | undefined {
  const auth = parsed.registries.configs.get(key)?.auth
  const credentials = auth === undefined ? undefined : readAuth(auth)
  return credentials === 'invalid' ? refuse(parsed, ['configs', key, 'auth', 'auth'], 'it is not the base64 of user:password') : credentials
}

async function readTls(
  parsed: ParsedRegistries,
  key: string,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<TlsSettings | undefined> {
  const tls = parsed.registries.configs.get(key)?.tls
  if (tls === undefined) return undefined
  const read = await readTlsFiles(tls, options)
  return 'field' in read ? refuse(parsed, ['configs', key, 'tls', read.field], read.why) : read
}
