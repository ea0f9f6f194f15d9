import { posix } from 'node:path'
import { parse } from 'smol-toml'
import { GoUrlError, parseGoUrl, tryGoUrl } from '../go/go-url.ts'
import { unreadableToml } from '../render/unreadable-toml.ts'

/** One endpoint as containerd reads it from a hosts.toml. */
export interface TomlHost {
  readonly scheme: string
  /** `host[:port]`; empty for the registry in the image's name. */
  readonly host: string
  /** The first part of every request's path. */
  readonly path: string
  readonly isDefault: boolean
  readonly rewrites: ReadonlyMap<string, string>
  readonly ca: readonly string[]
  /** Certificate and key. */
  readonly client: readonly (readonly [certificate: string, key: string])[]
  readonly skipVerify: boolean
}

interface HostFields {
  readonly override_path?: boolean
  readonly ca?: readonly string[]
  readonly client?: TomlHost['client']
  readonly skip_verify?: boolean
  readonly rewrite?: Readonly<Record<string, string>>
}

function readHost(server: string, fields: HostFields, isDefault: boolean): TomlHost {
  const url = server === '' || server.startsWith('http') ? server : `https://${server}`
  const parsed = parseGoUrl(url)
  const { override_path: overridePath = false, ca = [], client = [], skip_verify: skipVerify = false, rewrite = {} } = fields
  const path = parsed.path === '' ? '' : posix.normalize(parsed.path).replace(/(?<=.)\/$/, '')
  return {
    scheme: parsed.scheme,
    host: parsed.host,
    path: overridePath || path.endsWith('/v2') ? path : `${path}/v2`,
    isDefault,
    rewrites: new Map(isDefault ? [] : Object.entries(rewrite)),
    ca,
    client,
    skipVerify,
  }
}

/** Reads a hosts.toml as K3s' containerd does: endpoints in order, then the default one if there is a `server` or no endpoint. Undefined for invalid TOML or an invalid URL: containerd ignores the file. */
export function readHostsToml(text: string): readonly TomlHost[] | undefined {
  if (unreadableToml(text, 3) !== undefined) return undefined
  const file = parse(text) as unknown as HostFields & { readonly server?: string; readonly host: Readonly<Record<string, HostFields>> }
  const read = tryGoUrl(() => {
    const hosts = Object.entries(file.host).map(([url, fields]) => readHost(url, fields, false))
    return file.server === undefined && hosts.length > 0 ? hosts : [...hosts, readHost(file.server ?? '', file, true)]
  })
  return read instanceof GoUrlError ? undefined : read
}
