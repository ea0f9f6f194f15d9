import { readFile } from 'node:fs/promises'
import { withSignal } from '../../async/single-flight.ts'
import { MirrorError, systemReason } from '../../errors.ts'
import { decodeAuthField } from '../../oci/auth-field.ts'
import { isJsonObject } from '../../oci/json-object.ts'
import { isDockerHub, registryHostKeys } from '../../oci/registry-host.ts'
import { askCredentialHelper } from './credential-helper.ts'
import { registryName, type Credentials, type CredentialsLookup, type CredentialsSource } from './credentials.ts'

/** Options of readAuthFile. */
export interface DockerConfigOptions {
  /** The environment of credential helpers, PATH included; default: this process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  readonly signal?: AbortSignal | undefined
}

type JsonObject = Readonly<Record<string, unknown>>

const dockerHubKey = 'https://index.docker.io/v1/'

/** The variable that Docker and GitLab's runner look into before config.json. */
const authConfigVariable = 'DOCKER_AUTH_CONFIG'

/** The credentials of DOCKER_AUTH_CONFIG, which holds what a config.json does. Throws INVALID_CONFIG; no value is shown. */
export function parseAuthConfig(text: string, options: Pick<DockerConfigOptions, 'environment'> = {}): CredentialsSource {
  const hint = `set ${authConfigVariable} to the text of a config.json, not to its path: {"auths":{"registry.example.com":{"auth":"…"}}}`
  const config = parseConfig(text, authConfigVariable, hint)
  if (config['auths'] === undefined) throw invalid(authConfigVariable, '"auths" is missing', hint)
  return sourceOf(config, authConfigVariable, options)
}

/** The credentials of Docker's `config.json`, or of podman's file, helpers included; a missing file holds none. Throws INVALID_CONFIG that shows no value. */
export async function readAuthFile(path: string, options: DockerConfigOptions = {}): Promise<CredentialsSource> {
  return sourceOf(await readConfig(path, options.signal), path, options)
}

/** The credentials of one configuration; `name` is where it comes from. */
function sourceOf(config: JsonObject, name: string, { environment }: DockerConfigOptions): CredentialsSource {
  const auths = objectAt(config, 'auths', name)
  const helpers = objectAt(config, 'credHelpers', name)
  const store = config['credsStore']
  const asked = new Map<string, Promise<Credentials | undefined>>()
  // A registry with keys for several repositories is looked up for each of them; a helper knows only the registry.
  const ask = (helper: string, address: string, signal: AbortSignal | undefined): Promise<Credentials | undefined> => {
    const key = `${helper} ${address}`
    const answer = asked.get(key) ?? askCredentialHelper(helper, address, { environment })
    asked.set(key, answer)
    return withSignal(answer, signal)
  }
  const entry = (keys: readonly string[], origin: string): Credentials | undefined => {
    for (const key of keys) {
      const credentials = readAuth(auths[key], origin, name)
      if (credentials !== undefined) return credentials
    }
    return undefined
  }
  const find: CredentialsLookup = async (origin, { repository = '', signal } = {}) => {
    const keys = authKeys(auths, origin, repository)
    // What is written for some repositories is nearer than what a helper knows of the whole.
    const nearest = entry(
      keys.filter((key) => pathOf(key) !== ''),
      origin,
    )
    if (nearest !== undefined) return nearest
    const helperKey = Object.keys(helpers).find((key) => isKeyOf(key, origin, ''))
    const helper = helperKey === undefined ? store : helpers[helperKey]
    if (typeof helper !== 'string' || helper === '') return entry(keys, origin)
    const address = helperKey ?? (isDockerHub(origin) ? dockerHubKey : new URL(origin).host)
    try {
      return (await ask(helper, address, signal)) ?? entry(keys, origin)
    } catch (error) {
      // A configuration that was copied from where the helper is.
      const own = signal?.aborted === true ? undefined : entry(keys, origin)
      if (own === undefined) throw error
      return own
    }
  }
  return { name, find }
}

async function readConfig(path: string, signal: AbortSignal | undefined): Promise<JsonObject> {
  let text: string
  try {
    text = await readFile(path, { encoding: 'utf8', ...(signal && { signal }) })
  } catch (error) {
    signal?.throwIfAborted()
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return {}
    throw invalid(path, systemReason(error))
  }
  return parseConfig(text, path)
}

function parseConfig(text: string, path: string, hint?: string): JsonObject {
  let config: unknown
  try {
    config = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    // the parser's own message quotes the file, passwords included
    throw invalid(path, `it is not JSON${positionOf(error, text)}`, hint)
  }
  if (!isJsonObject(config)) throw invalid(path, 'it is not a JSON object', hint)
  return config
}

function positionOf(error: unknown, text: string): string {
  const position = /at position (\d+)/.exec(String(error))?.[1]
  if (position === undefined) return ''
  const before = text.slice(0, Number(position)).split('\n')
  return ` (line ${before.length}, column ${(before.at(-1) ?? '').length + 1})`
}

function objectAt(config: JsonObject, field: string, path: string): JsonObject {
  const value = config[field] ?? {}
  if (!isJsonObject(value)) throw invalid(path, `its "${field}" is not an object`)
  return value
}

function invalid(path: string, why: string, hint = 'correct the file, or log in again with docker login'): MirrorError {
  return new MirrorError('INVALID_CONFIG', `${path}: ${why}`, { hint })
}

/** Takes a key apart: `host`, `host:port`, `https://host/`, `http://host/v1/`, and podman's `host/path` for some repositories; an empty path is for all. */
function parseKey(key: string) {
  const [, scheme, host, path = ''] = /^(?:(https?):\/\/)?([^/\s@]+)(\/.*)?$/i.exec(key) ?? []
  if (host === undefined) return undefined
  // Docker's own addresses end with the version of the API.
  const isWhole = /^\/?(?:v[12]\/?)?$/.test(path)
  return { scheme: scheme?.toLowerCase(), host: host.toLowerCase(), path: isWhole ? '' : path.split('/').filter(Boolean).join('/') }
}

function pathOf(key: string): string {
  return parseKey(key)?.path ?? ''
}

function isKeyOf(key: string, origin: string, repository: string): boolean {
  const parsed = parseKey(key)
  // what was stored for https is not shown to a server that is talked to in the clear
  if (parsed === undefined || (parsed.scheme === 'https' && !origin.startsWith('https:'))) return false
  if (!registryHostKeys(origin).includes(parsed.host)) return false
  return parsed.path === '' || repository === parsed.path || repository.startsWith(`${parsed.path}/`)
}

/** The keys that mean this repository, the longest path first; then Docker Hub's own key, and those that are just the host. */
function authKeys(auths: JsonObject, origin: string, repository: string): readonly string[] {
  const rank = (key: string): number => (key === dockerHubKey || key === new URL(origin).host ? 0 : 1)
  return Object.keys(auths)
    .filter((key) => isKeyOf(key, origin, repository))
    .toSorted((a, b) => pathOf(b).length - pathOf(a).length || rank(a) - rank(b))
}

function readAuth(entry: unknown, origin: string, path: string): Credentials | undefined {
  const name = registryName(origin)
  if (entry === null) return undefined
  if (!isJsonObject(entry)) throw invalid(path, `its entry for ${name} is not an object`)
  const text = (field: string): string => {
    const value = entry[field] ?? ''
    if (typeof value !== 'string') throw invalid(path, `"${field}" of its entry for ${name} is not a string`)
    return value
  }
  const [auth, identityToken, registryToken] = [text('auth'), text('identitytoken'), text('registrytoken')]
  const pair = auth === '' ? { username: text('username'), password: text('password') } : decodeAuthField(auth)
  if (pair === undefined) throw invalid(path, `"auth" of its entry for ${name} is not the base64 of user:password in UTF-8`)
  if (registryToken !== '') return { kind: 'registry-token', token: registryToken }
  if (identityToken !== '') {
    return { kind: 'identity-token', token: identityToken, ...(pair.username !== '' && { username: pair.username }) }
  }
  return pair.username === '' && pair.password === '' ? undefined : { kind: 'basic', ...pair }
}
