import { platform } from 'node:os'
import { MirrorError } from '../errors.ts'
import type { TlsSettings } from '../http/tls.ts'
import { registryHostKeys } from '../oci/registry-host.ts'
import type { Path } from './read/decode-yaml.ts'
import type { ParsedRegistries } from './read/parse-registries.ts'
import { formatPosition, readRegistries } from './read/read-registries.ts'
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

function refuse(parsed: ParsedRegistries, at: Path, why: string): never {
  throw new MirrorError('INVALID_CONFIG', `${formatPosition(parsed.path, parsed.positionOf(at))}: ${shownPath(at)}: ${why}`, {
    hint: 'Correct the file; https://docs.k3s.io/installation/private-registry describes it.',
  })
}

/** Reads the `configs` of a registries.yaml and the PEM files that they name, for our own connections; throws INVALID_CONFIG with a position, and never a value. */
export async function readRegistriesConfigs(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RegistriesConfigs> {
  const parsed = await readRegistries(path, options)
  const configs = new Map<string, { readonly credentials: RegistryCredentials | undefined; readonly tls: TlsSettings | undefined }>()
  for (const [key, { auth, tls }] of parsed.registries.configs) {
    const credentials = auth && readAuth(auth)
    if (credentials === 'invalid') refuse(parsed, ['configs', key, 'auth', 'auth'], 'it is not the base64 of user:password')
    const read = tls && (await readTlsFiles(tls, options))
    if (read !== undefined && 'field' in read) refuse(parsed, ['configs', key, 'tls', read.field], read.why)
    configs.set(key.toLowerCase(), { credentials, tls: read })
  }
  const find = (origin: string): ReturnType<typeof configs.get> => {
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
