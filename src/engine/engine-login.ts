import { isDockerHub } from '../oci/registry-host.ts'
import type { Credentials } from '../registry/auth/credentials.ts'

/** What X-Registry-Auth of a pull or push holds: https://docs.docker.com/reference/api/engine/version/v1.41/#section/Authentication */
export interface EngineLogin {
  readonly username?: string
  readonly password?: string
  readonly identitytoken?: string
  readonly registrytoken?: string
  /** As the Engine compares it with the image's registry: exactly its host and port, and Docker Hub's old address for Docker Hub. */
  readonly serveraddress?: string
}

/** Credentials for the registry at this origin as the Engine takes them. */
export function engineLogin(credentials: Credentials | undefined, origin: string): EngineLogin {
  if (credentials === undefined) return {}
  const serveraddress = isDockerHub(origin) ? 'https://index.docker.io/v1/' : new URL(origin).host
  if (credentials.kind === 'registry-token') return { registrytoken: credentials.token, serveraddress }
  if (credentials.kind === 'basic') return { username: credentials.username, password: credentials.password, serveraddress }
  const { username, token } = credentials
  return { ...(username !== undefined && { username }), identitytoken: token, serveraddress }
}

/** The value of the header: JSON in base64url, with the padding that the Engine's decoder demands. */
export function encodeRegistryAuth(auth: EngineLogin): string {
  return Buffer.from(JSON.stringify(auth), 'utf8').toString('base64').replaceAll('+', '-').replaceAll('/', '_')
}
