import { MirrorError } from '../../errors.ts'
import { parseJsonObject } from '../../oci/json-object.ts'
import { logInHint } from './credentials.ts'

/** A token and when another one is to be asked for, in milliseconds of the monotonic clock. */
export interface Token {
  readonly value: string
  readonly renewAt: number
}

/** The two clocks that expiry needs: the date can jump and be wrong, so it only reads `issued_at`. */
export interface Clock {
  /** Milliseconds since 1970. */
  date(): number
  /** Milliseconds that never go back. */
  monotonic(): number
}

/** The clocks of this machine. */
export const systemClock: Clock = { date: () => Date.now(), monotonic: () => performance.now() }

const minimumSeconds = 60

/** Seconds that the token is worth: 60 where the server says nothing, nonsense or less. */
function lifetime(expiresIn: unknown, issuedAt: unknown, clock: Clock): number {
  const seconds = typeof expiresIn === 'string' && /^[0-9]{1,12}$/.test(expiresIn) ? Number(expiresIn) : expiresIn
  const announced = typeof seconds === 'number' && seconds > minimumSeconds ? seconds : minimumSeconds
  const issued = typeof issuedAt === 'string' ? Date.parse(issuedAt) : Number.NaN
  const age = (clock.date() - issued) / 1000
  // issued in the future, or expired on arrival: one of the two clocks is wrong, and only ours can be asked again
  const plausible = age >= 0 && age < announced
  return Math.max(minimumSeconds, plausible ? announced - age : announced)
}

/** Reads a token server's answer, received at `receivedAt` (monotonic); it is renewed after nine tenths of its life. Throws PROTOCOL without a token. */
export function parseTokenAnswer(body: Uint8Array, tokenServer: string, receivedAt: number, clock: Clock): Token {
  const refuse = (what: string): never => {
    throw new MirrorError('PROTOCOL', `the token server ${tokenServer} answered with ${what} instead of a token`, {
      hint: 'A proxy or a login page before the token server is the usual cause.',
    })
  }
  const answer = parseJsonObject(Buffer.from(body).toString('utf8'))
  if (answer === undefined) return refuse('something else than a JSON object')
  const value = [answer['token'], answer['access_token']].find((field) => typeof field === 'string' && field !== '')
  if (typeof value !== 'string') {
    if (answer['token'] !== '' && answer['access_token'] !== '') return refuse('JSON without "token" and "access_token"')
    throw new MirrorError('UNAUTHORIZED', `the token server ${tokenServer} answered with an empty token`, { hint: logInHint })
  }
  if (!/^[\x21-\x7e]+$/.test(value)) return refuse('a token with spaces or control characters')
  return { value, renewAt: receivedAt + lifetime(answer['expires_in'], answer['issued_at'], clock) * 900 }
}
