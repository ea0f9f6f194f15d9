import { MirrorError, type Attempt, type ErrorCode, type MirrorErrorOptions, type Side } from '../errors.ts'
import { foreignText, withoutImage } from '../text/printable.ts'

/** An image that was pulled is not there any more: somebody else has removed it, and it can be pulled again. */
export class ImageGone extends MirrorError {
  constructor(name: string) {
    super('NOT_FOUND', `${name} is no longer in the Docker Engine: another process removed it during the run`, {
      subject: name,
      hint: 'stop jobs that prune images during the run',
    })
  }
}

/** True for the words of an Engine whose image, or content of it, was taken away while it was pulled or pushed. */
export function saysGone(message: string): boolean {
  return (
    /does not exist locally|tag does not exist|no such image|image not known|lease does not exist/i.test(message) ||
    (/content digest \S+: not found/i.test(message) && !/missing content/i.test(message))
  )
}

/** Docker Hub's quota is spent: waiting as for a busy server would take hours. */
export class QuotaSpent extends MirrorError {
  constructor(message: string, options: MirrorErrorOptions) {
    super('THROTTLED', message, {
      ...options,
      hint: 'run docker login for a higher limit, or wait until the six-hour window ends',
    })
  }
}

const trustHint = "add the registry's CA to /etc/docker/certs.d/<host:port>/ca.crt on the Engine's machine"

/** What the daemon's sentences mean, in the order in which they are looked for: a sentence often holds those of others. */
const meanings: readonly { readonly words: RegExp; readonly code: ErrorCode; readonly hint?: string }[] = [
  {
    words: /no space left on device|disk quota exceeded/i,
    code: 'NO_SPACE',
    hint: "free space in the Engine's data directory (see docker system df), then run the same command again",
  },
  { words: /too ?many ?requests|rate limit|\b429\b/i, code: 'THROTTLED' },
  {
    words:
      /no matching manifest|no image found in (?:manifest list|image index)|does not (?:match|provide) the specified platform|cannot be used on this platform|operating system is not supported/i,
    code: 'NO_SUCH_PLATFORM',
  },
  {
    words: /server gave HTTP response to HTTPS client/i,
    code: 'TLS',
    hint: 'add host:port to "insecure-registries" in daemon.json; for Podman, set insecure = true in registries.conf',
  },
  { words: /x509:|tls:|certificate/i, code: 'TLS', hint: trustHint },
  {
    words: /unauthorized|authentication required|no basic auth credentials|incorrect username or password|invalid username/i,
    code: 'UNAUTHORIZED',
    hint: 'run docker login, or pass the credentials with options.registries',
  },
  {
    words: /denied|forbidden|insufficient_scope/i,
    code: 'DENIED',
    hint: 'check the permissions of the account, and that the repository exists',
  },
  {
    words: /missing content: content digest/i,
    code: 'UNSUPPORTED',
    hint: 'update Docker to 27 or later, use the classic image store, or pass options.via registry',
  },
  { words: /manifest unknown|name unknown|not found/i, code: 'NOT_FOUND' },
  {
    words:
      /connection refused|no such host|i\/o timeout|network is unreachable|no route to host|dial tcp|Client\.Timeout|deadline exceeded/i,
    code: 'UNREACHABLE',
    hint: "check the daemon's own proxy, DNS and firewall: the daemon connects to the registry",
  },
  { words: /unexpected EOF|connection reset|broken pipe|\bEOF\b|context canceled/i, code: 'CONNECTION_LOST' },
  {
    words: /service unavailable|bad gateway|gateway time-?out|internal server error|unexpected HTTP status|\b50[0-9]\b/i,
    code: 'UNAVAILABLE',
  },
]

/** The daemon's message, safe to print: no control characters, no user or password, no query of URLs, which may contain signatures. */
function shown(message: string): string {
  return foreignText(message)
    .replace(/(?<![a-z0-9+.-])([a-z0-9+.-]*:\/\/)[^\s/"]*@/gi, '$1***@')
    .replace(/(https?:\/\/[^\s"?]*)\?[^\s"]*/gi, '$1')
}

/** The error for an Engine's refusal; PROTOCOL where its message is unknown. */
export function engineRefusal(message: string, [doing, subject]: Attempt, side: Side): MirrorError {
  const explain = (name: string, words: string): string => `the Docker Engine cannot ${doing} ${name}: ${words}`
  const text = explain(subject, shown(message))
  const path = subject.slice(subject.indexOf('/') + 1).replace(/[:@].*$/, '')
  const options = { side, subject, reason: explain('it', withoutImage(shown(message), path)) }
  if (/pull rate limit|increase-rate-limit/i.test(message)) return new QuotaSpent(text, options)
  // The words in names and URLs mean nothing; "i/o" stays.
  const sentence = message.replace(/\S+/g, (word) => (word.length > 4 && word.includes('/') ? '' : word))
  const meaning = meanings.find(({ words }) => words.test(sentence))
  return new MirrorError(meaning?.code ?? 'PROTOCOL', text, { ...options, hint: meaning?.hint })
}

const startHint = 'start the daemon, or set its address with options.dockerHost or DOCKER_HOST'
const groupHint = 'add the user to the group "docker", or run as root'

const unavailable: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  ENOENT: ['the socket does not exist', startHint],
  EACCES: ['permission denied', groupHint],
  EPERM: ['permission denied', groupHint],
  ECONNREFUSED: ['the connection was refused', startHint],
  ENOTFOUND: ['the host name does not exist', 'check options.dockerHost or DOCKER_HOST'],
  ETIMEDOUT: ['it does not answer', 'check options.dockerHost or DOCKER_HOST, and the network'],
}

/** Why the Engine at this address was not reached at all, or CONNECTION_LOST where it broke off in an answer. */
export function connectionError(error: unknown, address: string): MirrorError {
  if (error instanceof MirrorError) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new MirrorError('CONNECTION_LOST', `the Docker Engine at ${address} closed the connection`, {
      hint: "check the daemon's log: it may have restarted or crashed",
      cause: error,
    })
  }
  const isTls = /^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO)/.test(code)
  const [why, hint] = isTls
    ? [`the TLS handshake failed (${code})`, 'check DOCKER_CERT_PATH, and set DOCKER_TLS_VERIFY if the daemon uses TLS']
    : (unavailable[code] ?? [foreignText(message || code || 'unknown reason'), 'check the daemon and its address'])
  return new MirrorError('ENGINE_UNAVAILABLE', `cannot reach the Docker Engine at ${address}: ${why}`, { hint, cause: error })
}
