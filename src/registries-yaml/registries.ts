/** The file that K3s reads where it is told no other: https://docs.k3s.io/installation/private-registry */
export const defaultRegistriesFile = '/etc/rancher/k3s/registries.yaml'

/** Where something stands in a file, both counted from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** One entry of `mirrors`. */
export interface Mirror {
  /** As written: URLs, or host and port alone. */
  readonly endpoints: readonly string[]
  /** Replacements by pattern, in Go's syntax. */
  readonly rewrites: ReadonlyMap<string, string>
}

/** `configs.<host>.auth`; empty text where a field is not given. */
export interface RegistryAuth {
  readonly username: string
  readonly password: string
  /** base64 of `username:password`. */
  readonly auth: string
  readonly identityToken: string
}

/** `configs.<host>.tls`; empty text where a field is not given. */
export interface RegistryTls {
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
  readonly insecureSkipVerify: boolean
}

/** One entry of `configs`. */
export interface RegistryConfig {
  readonly auth: RegistryAuth | undefined
  readonly tls: RegistryTls | undefined
}

/** What K3s has of a registries.yaml once it is read: https://docs.k3s.io/installation/private-registry */
export interface Registries {
  /** By registry name, `*` for every other; in the file's order. */
  readonly mirrors: ReadonlyMap<string, Mirror>
  /** By `host[:port]`. */
  readonly configs: ReadonlyMap<string, RegistryConfig>
}

/** No mirrors, no configs: what K3s works with where there is no file. */
export const noRegistries: Registries = { mirrors: new Map(), configs: new Map() }

/** No settings at all for a host. */
export const noConfig: RegistryConfig = { auth: undefined, tls: undefined }

/** The fields of an `auth` that are given, as they are written. */
export function authFields({ username, password, auth, identityToken }: RegistryAuth): readonly (readonly [name: string, value: string])[] {
  return Object.entries({ username, password, auth, identity_token: identityToken }).filter(([, value]) => value !== '')
}

/** The fields of a `tls` that are given, as they are written: names of files, and `insecure_skip_verify` where it is true. */
export function tlsFields(tls: RegistryTls): readonly (readonly [name: string, value: string | true])[] {
  const files = Object.entries({ ca_file: tls.caFile, cert_file: tls.certFile, key_file: tls.keyFile }).filter(([, path]) => path !== '')
  return [...files, ...(tls.insecureSkipVerify ? [['insecure_skip_verify', true] as const] : [])]
}

/** True where anything is configured for a host, credentials or TLS. */
export function hasAnySettings(config: RegistryConfig | undefined): boolean {
  return config?.auth !== undefined || config?.tls !== undefined
}
