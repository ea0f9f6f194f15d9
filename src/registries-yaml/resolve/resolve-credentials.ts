import { decodeAuthField } from '../../oci/auth-field.ts'
import type { K3sVersion } from '../../release/version.ts'
import { defaultHost } from '../hosts/normalise-endpoint.ts'
import { hasFeature } from '../k3s-features.ts'
import type { Registries, RegistryAuth } from '../registries.ts'

/** What `configs.<host>.auth` gives. */
export type RegistryCredentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity-token'; readonly token: string }

/** What containerd does with the credentials of a host. */
export interface ResolvedCredentials {
  /** The key of `configs` that they stand under; undefined where there are none. */
  readonly key: string | undefined
  readonly credentials: RegistryCredentials | undefined
  /** `auth` is not the base64 of `username:password`: the pull fails. */
  readonly isInvalid: boolean
}

/** Reads base64 of `username:password` with its padding, line breaks anywhere; undefined for anything else: https://pkg.go.dev/encoding/base64#Encoding.Decode */
export function decodeAuth(base64: string): { readonly username: string; readonly password: string } | undefined {
  const encoded = base64.replace(/[\r\n]/g, '')
  return encoded.length % 4 === 0 && !/\s/.test(encoded) ? decodeAuthField(encoded) : undefined
}

/** User name before identity token before `auth`, as containerd has it; undefined for none, 'invalid' where `auth` cannot be read. */
export function readAuth({ username, password, auth, identityToken }: RegistryAuth): RegistryCredentials | 'invalid' | undefined {
  if (username !== '') return { kind: 'basic', username, password }
  if (identityToken !== '') return { kind: 'identity-token', token: identityToken }
  if (auth === '') return undefined
  const decoded = decodeAuth(auth)
  return decoded === undefined ? 'invalid' : { kind: 'basic', ...decoded }
}

/** The credentials that containerd sends to `host[:port]`: of exactly this key, never of `*`; Docker Hub's may stand under docker.io: https://github.com/k3s-io/k3s/issues/12561 */
export function resolveCredentials(configs: Registries['configs'], host: string, version?: K3sVersion): ResolvedCredentials {
  const keys = host === defaultHost('docker.io') && hasFeature(version, 'docker-io-credentials') ? [host, 'docker.io'] : [host]
  for (const key of keys) {
    const auth = configs.get(key)?.auth
    const credentials = auth === undefined ? undefined : readAuth(auth)
    if (credentials === 'invalid') return { key, credentials: undefined, isInvalid: true }
    // A user without a password is one that containerd does not name.
    if (credentials?.kind === 'basic' && credentials.password === '') continue
    if (credentials !== undefined) return { key, credentials, isInvalid: false }
  }
  return { key: undefined, credentials: undefined, isInvalid: false }
}
