import { open } from 'node:fs/promises'
import { platform } from 'node:os'
import { MirrorError } from '../errors.ts'
import type { TlsSettings } from '../http/origin-settings.ts'
import { registryHostKeys } from '../oci/registry-host.ts'
import { readTlsFiles } from './tls-files.ts'
import { YamlReader, type YamlValue } from './yaml-reader.ts'

/** What `configs.<host>.auth` gives. */
export type RegistryCredentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity-token'; readonly token: string }

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

const maxBytes = 1024 * 1024

/**
 * Reads the `configs` of a registries.yaml (https://docs.k3s.io/installation/private-registry) and the PEM files that they name. Unknown keys
 * are passed over, as K3s does. Throws INVALID_CONFIG with file, line and column, and never a value.
 */
export async function readRegistriesConfigs(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RegistriesConfigs> {
  const { text, worldReadable } = await readText(path, options.signal)
  const reader = new YamlReader(path, text)
  const configs = new Map<string, Config>()
  const section = reader.entries(reader.root).get('configs')
  for (const [key, value] of section === undefined ? [] : reader.entries(section)) {
    const fields = reader.entries(value)
    const credentials = readAuth(reader, fields.get('auth'))
    configs.set(key.toLowerCase(), { credentials, tls: await readTls(reader, fields.get('tls'), options) })
  }
  const find = (origin: string): Config | undefined => {
    const key = registryHostKeys(origin).find((candidate) => configs.has(candidate))
    return key === undefined ? undefined : configs.get(key)
  }
  const secrets = [...configs.values()].some(({ credentials }) => credentials !== undefined)
  return {
    credentialsFor: (origin) => find(origin)?.credentials,
    tlsFor: (origin) => find(origin)?.tls,
    warnings:
      secrets && worldReadable ? [`${path} holds credentials and can be read by every user of this machine: chmod 600 ${path}`] : [],
  }
}

async function readText(
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly text: string; readonly worldReadable: boolean }> {
  const refuse = (why: string): never => {
    throw new MirrorError('INVALID_CONFIG', `${path}: ${why}`, { hint: 'Name a registries.yaml that this user may read.' })
  }
  try {
    await using file = await open(path)
    const stat = await file.stat()
    if (!stat.isFile()) return refuse('it is not a file')
    if (stat.size > maxBytes) return refuse('it is larger than 1 MiB')
    const text = await file.readFile({ encoding: 'utf8', ...(signal && { signal }) })
    return { text, worldReadable: platform() !== 'win32' && (stat.mode & 0o004) !== 0 }
  } catch (error) {
    signal?.throwIfAborted()
    const { code } = error as NodeJS.ErrnoException
    if (error instanceof MirrorError) throw error
    return refuse(code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? 'unknown reason'})`)
  }
}

/** User name before identity token before `auth`, as containerd does it. */
function readAuth(reader: YamlReader, auth: YamlValue | undefined): RegistryCredentials | undefined {
  if (auth === undefined) return undefined
  const fields = reader.entries(auth)
  const text = (name: string): string => {
    const value = fields.get(name)
    return value === undefined ? '' : reader.text(value)
  }
  const [username, token, encoded] = [text('username'), text('identity_token'), text('auth').trim()]
  if (username !== '') return { kind: 'basic', username, password: text('password') }
  if (token !== '') return { kind: 'identity-token', token }
  if (encoded === '') return undefined
  const decoded = decodeAuth(encoded)
  if (decoded === undefined) {
    const value = fields.get('auth')
    throw reader.refuse(value?.node ?? null, `${value?.name ?? 'auth'} is not the base64 of user:password`)
  }
  return { kind: 'basic', ...decoded }
}

function decodeAuth(encoded: string): { readonly username: string; readonly password: string } | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined
  const bytes = Buffer.from(encoded, 'base64')
  const text = bytes.toString('utf8')
  const colon = text.indexOf(':')
  if (colon === -1 || !Buffer.from(text, 'utf8').equals(bytes)) return undefined
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}

async function readTls(
  reader: YamlReader,
  tls: YamlValue | undefined,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<TlsSettings | undefined> {
  if (tls === undefined) return undefined
  const fields = reader.entries(tls)
  const text = (name: string): string => {
    const value = fields.get(name)
    return value === undefined ? '' : reader.text(value)
  }
  const skip = fields.get('insecure_skip_verify')
  const read = await readTlsFiles(
    {
      caFile: text('ca_file'),
      certFile: text('cert_file'),
      keyFile: text('key_file'),
      insecureSkipVerify: skip !== undefined && reader.boolean(skip),
    },
    options,
  )
  if (!('field' in read)) return read
  const value = fields.get(read.field)
  throw reader.refuse(value?.node ?? null, `${value?.name ?? read.field}: ${read.why}`)
}
