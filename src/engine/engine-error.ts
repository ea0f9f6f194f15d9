import { MirrorError, type Attempt, type ErrorCode, type MirrorErrorOptions, type Side } from '../errors.ts'
import { foreignText, withoutImage } from '../text/printable.ts'

/** An image that was pulled is not there any more: somebody else has removed it, and it can be pulled again. */
export class ImageGone extends MirrorError {
  constructor(name: string) {
    super('NOT_FOUND', `${name} is no longer in the Docker Engine: something else removed it while it was in use here`, {
      subject: name,
      hint: 'Look for a job that prunes images, and stop it during the run.',
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
      hint: 'Docker Hub gives more pulls to who is logged in: run docker login, or wait until the six hours are over.',
    })
  }
}

const trustHint =
  'The daemon does not trust this registry: put its authority into /etc/docker/certs.d/<host:port>/ca.crt on the machine of the Engine.'

/** What the daemon's sentences mean, in the order in which they are looked for: a sentence often holds those of others. */
const meanings: readonly { readonly words: RegExp; readonly code: ErrorCode; readonly hint?: string }[] = [
  {
    words: /no space left on device|disk quota exceeded/i,
    code: 'NO_SPACE',
    hint: 'Make room where the Engine keeps its data (docker system df), then run the same command again.',
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
    hint: 'The daemon speaks HTTPS with every registry but those of its "insecure-registries" (host:port, without a scheme) and loopback; Podman with all but those with insecure = true in registries.conf.',
  },
  { words: /x509:|tls:|certificate/i, code: 'TLS', hint: trustHint },
  {
    words: /unauthorized|authentication required|no basic auth credentials|incorrect username or password|invalid username/i,
    code: 'UNAUTHORIZED',
    hint: 'Log in with docker login, or give the credentials with options.registries.',
  },
  {
    words: /denied|forbidden|insufficient_scope/i,
    code: 'DENIED',
    hint: 'The account may not do this, or the repository does not exist; registries often answer both alike.',
  },
  {
    words: /missing content: content digest/i,
    code: 'UNSUPPORTED',
    hint: 'The Engine holds only a part of this index. Update Docker to 27 or later, use a classic image store, or options.via registry.',
  },
  { words: /manifest unknown|name unknown|not found/i, code: 'NOT_FOUND' },
  {
    words:
      /connection refused|no such host|i\/o timeout|network is unreachable|no route to host|dial tcp|Client\.Timeout|deadline exceeded/i,
    code: 'UNREACHABLE',
    hint: 'It is the daemon that could not reach the registry: its own proxy, name server and firewall count.',
  },
  { words: /unexpected EOF|connection reset|broken pipe|\bEOF\b|context canceled/i, code: 'CONNECTION_LOST' },
  {
    words: /service unavailable|bad gateway|gateway time-?out|internal server error|unexpected HTTP status|\b50[0-9]\b/i,
    code: 'UNAVAILABLE',
  },
]

/** The daemon's words, fit for a line: no control characters, no user or password, no parameters of URLs, which may be signatures. */
function shown(message: string): string {
  return foreignText(message)
    .replace(/(?<![a-z0-9+.-])([a-z0-9+.-]*:\/\/)[^\s/"]*@/gi, '$1***@')
    .replace(/(https?:\/\/[^\s"?]*)\?[^\s"]*/gi, '$1')
}

/** What the Engine's refusal means. Words that nobody knows are PROTOCOL. */
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

const startHint = 'Start the daemon, or say where it is with options.dockerHost or DOCKER_HOST.'
const groupHint = 'Add the user to the group "docker", or run as root.'

const unavailable: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  ENOENT: ['there is no such socket', startHint],
  EACCES: ['this user may not use the socket', groupHint],
  EPERM: ['this user may not use the socket', groupHint],
  ECONNREFUSED: ['nothing answers there', startHint],
  ENOTFOUND: ['the host does not resolve', 'Check options.dockerHost or DOCKER_HOST.'],
  ETIMEDOUT: ['it does not answer', 'Check options.dockerHost or DOCKER_HOST, and what stands between.'],
}

/** Why the Engine at this address was not reached at all, or CONNECTION_LOST where it broke off in an answer. */
export function connectionError(error: unknown, address: string): MirrorError {
  if (error instanceof MirrorError) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new MirrorError('CONNECTION_LOST', `the Docker Engine at ${address} broke off`, {
      hint: 'The daemon may have been restarted or have crashed; see its log.',
      cause: error,
    })
  }
  const isTls = /^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO)/.test(code)
  const [why, hint] = isTls
    ? [`its TLS is refused (${code})`, 'Check DOCKER_CERT_PATH, and that DOCKER_TLS_VERIFY is set for a daemon with TLS.']
    : (unavailable[code] ?? [foreignText(message || code || 'unknown reason'), 'Check the daemon and its address.'])
  return new MirrorError('ENGINE_UNAVAILABLE', `cannot reach the Docker Engine at ${address}: ${why}`, { hint, cause: error })
}
