import { decodeAuthField } from '../../oci/auth-field.ts'
import type { K3sVersion } from '../../release/version.ts'
import { defaultHost } from '../hosts/normalise-endpoint.ts'
import { hasFeature } from '../k3s-features.ts'
import type { Registries, RegistryAuth } from '../registries.ts'

/** The credentials of `configs.<host>.auth`. */
export type RegistryCredentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity-token'; readonly token: string }

/** The credentials that containerd uses for a host. */
export interface ResolvedCredentials {
  /** Their key in `configs`; undefined for no credentials. */
  readonly key: string | undefined
  readonly credentials: RegistryCredentials | undefined
  /** `auth` is not the base64 of `username:password`: the pull fails. */
  readonly isInvalid: boolean
}

/** Decodes the base64 of `username:password` with padding and any line breaks; undefined for other text: https://pkg.go.dev/encoding/base64#Encoding.Decode */
export function decodeAuth(base64: string): { readonly username: string; readonly password: string } | undefined {
  const encoded = base64.replace(/[\r\n]/g, '')
  return encoded.length % 4 === 0 && !/\s/.test(encoded) ? decodeAuthField(encoded) : undefined
}

/** The first of user name, identity token and `auth`, as in containerd; undefined for no credentials, 'invalid' for an invalid `auth`. */
export function readAuth({ username, password, auth, identityToken }: RegistryAuth): RegistryCredentials | 'invalid' | undefined {
  if (username !== '') return { kind: 'basic', username, password }
  if (identityToken !== '') return { kind: 'identity-token', token: identityToken }
  if (auth === '') return undefined
  const decoded = decodeAuth(auth)
  return decoded === undefined ? 'invalid' : { kind: 'basic', ...decoded }
}

/** The credentials that containerd sends to `host[:port]`: those under exactly this key, never under `*`; for Docker Hub also under docker.io: https://github.com/k3s-io/k3s/issues/12561 */
export function resolveCredentials(configs: Registries['configs'], host: string, version?: K3sVersion): ResolvedCredentials {
  const keys = host === defaultHost('docker.io') && hasFeature(version, 'docker-io-credentials') ? [host, 'docker.io'] : [host]
  for (const key of keys) {
    const auth = configs.get(key)?.auth
    const credentials = auth === undefined ? undefined : readAuth(auth)
    if (credentials === 'invalid') return { key, credentials: undefined, isInvalid: true }
    // containerd does not send a user without a password.
    if (credentials?.kind === 'basic' && credentials.password === '') continue
    if (credentials !== undefined) return { key, credentials, isInvalid: false }
  }
  return { key: undefined, credentials: undefined, isInvalid: false }
}
