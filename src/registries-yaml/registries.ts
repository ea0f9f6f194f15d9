/** The default path of K3s: https://docs.k3s.io/installation/private-registry */
export const defaultRegistriesFile = '/etc/rancher/k3s/registries.yaml'

/** A position in a file; line and column start at 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** One entry of `mirrors`. */
export interface Mirror {
  /** As written: URLs, or only host and port. */
  readonly endpoints: readonly string[]
  /** Replacements by pattern, in Go's syntax. */
  readonly rewrites: ReadonlyMap<string, string>
}

/** `configs.<host>.auth`; a missing field is an empty string. */
export interface RegistryAuth {
  readonly username: string
  readonly password: string
  /** base64 of `username:password`. */
  readonly auth: string
  readonly identityToken: string
}

/** `configs.<host>.tls`; a missing field is an empty string. */
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

/** The content of a registries.yaml: https://docs.k3s.io/installation/private-registry */
export interface Registries {
  /** By registry name, `*` for all other registries; in the file's order. */
  readonly mirrors: ReadonlyMap<string, Mirror>
  /** By `host[:port]`. */
  readonly configs: ReadonlyMap<string, RegistryConfig>
}

/** No mirrors and no configs, as without a file. */
export const noRegistries: Registries = { mirrors: new Map(), configs: new Map() }

/** A host without settings. */
export const noConfig: RegistryConfig = { auth: undefined, tls: undefined }

/** The non-empty fields of an `auth`, by their names in the file. */
export function authFields({ username, password, auth, identityToken }: RegistryAuth): readonly (readonly [name: string, value: string])[] {
  return Object.entries({ username, password, auth, identity_token: identityToken }).filter(([, value]) => value !== '')
}

/** The non-empty paths of a `tls`, by their names in the file, and `insecure_skip_verify` if it is true. */
export function tlsFields(tls: RegistryTls): readonly (readonly [name: string, value: string | true])[] {
  const files = Object.entries({ ca_file: tls.caFile, cert_file: tls.certFile, key_file: tls.keyFile }).filter(([, path]) => path !== '')
  return [...files, ...(tls.insecureSkipVerify ? [['insecure_skip_verify', true] as const] : [])]
}

/** True for a host with credentials or TLS settings. */
export function hasAnySettings(config: RegistryConfig | undefined): boolean {
  return config?.auth !== undefined || config?.tls !== undefined
}
