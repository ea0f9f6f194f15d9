import { MirrorError } from '../errors.ts'
import { errnoOf } from '../layout/local-io.ts'

const reasons: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'this user must not use the port'],
  ['EADDRINUSE', 'the port is in use'],
  ['EADDRNOTAVAIL', 'this machine does not have the address'],
  ['EAI_AGAIN', 'the host name cannot be resolved'],
  ['ENOTFOUND', 'the host name cannot be resolved'],
])

/** The error for a host and port that cannot be listened on; its cause has the code of the system. */
export function listenError(host: string, port: number, cause: unknown): MirrorError {
  const code = errnoOf(cause)
  const known = reasons.get(code ?? '')
  const why = known === undefined ? (code ?? String(cause)) : `${known} (${code})`
  const place = host.includes(':') ? `[${host}]` : host
  return new MirrorError('LOCAL_IO', `cannot listen on ${place}:${port}: ${why}`, { hint: 'choose another address or port', cause })
}
