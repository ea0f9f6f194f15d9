import type { FoundCredentials } from './credentials.ts'

/** Characters from which on a piece of a password is long enough to be one by itself. */
const leastLength = 8

/** The forms in which a server may repeat a secret. */
function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret, 'utf8')
  return [secret, encodeURIComponent(bytes.toString()), bytes.toString('base64'), bytes.toString('base64url')]
}

/** What credentials, and the Authorization header made of them, consist of. */
function secretsOf(found: FoundCredentials | undefined, authorization: string | undefined): readonly string[] {
  const secret = found === undefined ? '' : found.credentials.kind === 'basic' ? found.credentials.password : found.credentials.token
  const header = authorization?.slice(authorization.indexOf(' ') + 1) ?? ''
  const pieces = secret.split(/\\n|[\s"\\]/).filter((piece) => piece.length >= leastLength)
  return [...formsOf(secret), header, ...pieces].filter((piece) => piece !== '')
}

/** Text of JSON with its escapes undone, whether or not it is JSON as a whole. */
function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, code: string | undefined, character: string | undefined) =>
    code === undefined ? (character ?? '') : String.fromCharCode(Number.parseInt(code, 16)),
  )
}

/** True where an answer repeats some of what was sent with the request: nothing of it may be shown then. */
export function repeatsSecret(body: Uint8Array, found: FoundCredentials | undefined, authorization: string | undefined): boolean {
  const said = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  const texts = [said, unescaped(said)]
  return secretsOf(found, authorization).some((piece) => texts.some((text) => text.includes(piece)))
}
