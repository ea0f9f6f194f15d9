import { MirrorError } from '../../errors.ts'
import { isLocalhost } from '../hosts/normalise-endpoint.ts'
import type { RegistryAuth, RegistryConfig, RegistryTls } from '../registries.ts'
import { readAuth } from '../resolve/resolve-credentials.ts'
import type { GenerateOptions, NodeEndpoint } from './options.ts'

const blankCa = ['tls:', '  ca_file: /etc/rancher/k3s/registry-ca.crt # the CA of the registry, if nodes do not trust it yet']
const blankClient = [
  '  cert_file: /etc/rancher/k3s/registry-client.crt # only if the registry requires a client certificate',
  '  key_file: /etc/rancher/k3s/registry-client.key',
]
const noAuth: RegistryAuth = { username: '', password: '', auth: '', identityToken: '' }
const noTls: RegistryTls = { caFile: '', certFile: '', keyFile: '', insecureSkipVerify: false }
/** Takes the place of a password that the user still has to fill in; the rule auth-placeholder reports it. */
const passwordPlaceholder = 'PASSWORD'

/** The entry of `configs` for the destination, and what to say about it. */
interface DestinationConfig {
  /** Undefined for a destination without settings. */
  readonly config: RegistryConfig | undefined
  /** Lines of YAML for a comment, to be filled in. */
  readonly blanks: readonly string[]
  /** A line about the entry itself, for a comment. */
  readonly comment: readonly string[]
  readonly notes: readonly string[]
  readonly warnings: readonly string[]
}

type Remarks = Record<'comment' | 'notes' | 'warnings', string[]>

function refuse(message: string, hint: string): never {
  throw new MirrorError('USAGE', message, { hint })
}

/** Paths on a Linux node, or on a Windows one. */
function isAbsolute(path: string): boolean {
  return /^(?:\/|[A-Za-z]:[\\/])/.test(path)
}

function checkFiles({ caFile = '', certFile = '', keyFile = '' }: GenerateOptions, isSecure: boolean): void {
  for (const [option, path] of Object.entries({ 'options.caFile': caFile, 'options.certFile': certFile, 'options.keyFile': keyFile })) {
    if (path === '') continue
    if (!isSecure) refuse(`${option} requires https, and the destination uses plain http`, `remove ${option}, or pass options.to https://…`)
    if (!isAbsolute(path))
      refuse(`${option} "${path}" is not an absolute path`, 'pass an absolute path on the nodes, such as /etc/rancher/k3s/registry-ca.crt')
  }
  if ((certFile === '') !== (keyFile === '')) {
    const [given, missing] = keyFile === '' ? ['options.certFile', 'options.keyFile'] : ['options.keyFile', 'options.certFile']
    refuse(`${given} requires ${missing}`, 'pass both: the client certificate of the nodes and its key')
  }
}

/** Options win over the other file; certificate verification is never disabled here. */
function mergeTls(given: GenerateOptions, isSecure: boolean, notes: string[]): RegistryTls | undefined {
  checkFiles(given, isSecure)
  const known = given.known?.tls ?? noTls
  if (!isSecure) {
    if (known !== noTls) notes.push('the TLS settings in options.registries are left out: the destination uses plain http')
    return undefined
  }
  if (known.insecureSkipVerify) notes.push('insecure_skip_verify is not copied: give nodes the CA of the registry as ca_file')
  if ([known.caFile, known.certFile, known.keyFile].some((path) => path !== '' && !isAbsolute(path))) {
    notes.push('relative paths of TLS files are not copied: nodes need absolute paths')
  }
  const caFile = given.caFile || (isAbsolute(known.caFile) ? known.caFile : '')
  // The client certificate and its key may be in one file.
  const knownPair = [known.certFile, known.keyFile || known.certFile] as const
  const [certFile, keyFile] = given.certFile ? [given.certFile, given.keyFile ?? ''] : knownPair.every(isAbsolute) ? knownPair : ['', '']
  if (caFile === '' && certFile === '') return undefined
  notes.push('copy the TLS files to the same paths on every node')
  return { caFile, certFile, keyFile, insecureSkipVerify: false }
}

/** The one kind of credentials that containerd would use. */
function effectiveAuth(auth: RegistryAuth | undefined): RegistryAuth | undefined {
  const read = auth && readAuth(auth)
  if (read === undefined || read === 'invalid' || (read.kind === 'basic' && read.password === '')) return undefined
  return read.kind === 'basic' ? { ...noAuth, username: read.username, password: read.password } : { ...noAuth, identityToken: read.token }
}

/** The credentials in the other file, if they may be written. */
function knownAuth({ known, username, secrets = false }: GenerateOptions, isSecure: boolean, notes: string[]): RegistryAuth | undefined {
  const auth = effectiveAuth(known?.auth)
  if (auth === undefined || (username !== undefined && username !== auth.username)) return undefined
  if (isSecure && secrets) {
    notes.push('the file contains the credentials in options.registries; nodes need an account that can only pull')
    return auth
  }
  notes.push(
    isSecure
      ? 'the credentials in options.registries are not printed; a written file contains them'
      : 'the credentials in options.registries are left out: plain http would send them in clear text',
  )
  return undefined
}

/** The credentials to write, or the lines to fill in. */
function mergeAuth(
  options: GenerateOptions,
  { key, isSecure }: NodeEndpoint,
  { comment, notes, warnings }: Remarks,
): { readonly auth: RegistryAuth | undefined; readonly blanks: readonly string[] } {
  const { username, password } = options
  if (username === undefined || password === undefined) {
    const auth = knownAuth(options, isSecure, notes)
    if (auth !== undefined) return { auth, blanks: [] }
  }
  if (username === undefined) {
    const name = effectiveAuth(options.known?.auth)?.username || undefined
    const lines = ['auth: # an account that can only pull', `  username: ${name === undefined ? 'USERNAME' : JSON.stringify(name)}`]
    return { auth: undefined, blanks: [...lines, `  password: ${passwordPlaceholder}`] }
  }
  if (password === undefined) {
    comment.push(`Replace ${passwordPlaceholder}: nodes get 401 until then.`)
    warnings.push(
      `no password for ${JSON.stringify(username)}: nodes get 401 until you replace ${passwordPlaceholder}, or pass options.password`,
    )
  } else if (!isSecure && !isLocalhost(key)) {
    warnings.push('nodes send the password in clear text: the destination uses plain http')
  }
  return { auth: { ...noAuth, username, password: password ?? passwordPlaceholder }, blanks: [] }
}

/** Settles the entry of `configs` for the destination. Throws USAGE for options that contradict each other. */
export function destinationConfig(options: GenerateOptions, endpoint: NodeEndpoint): DestinationConfig {
  const { isSecure } = endpoint
  const { demands = { clientCertificate: true, login: true }, username, password } = options
  if (username === '') refuse('options.username is empty', 'pass the account that nodes pull with')
  if (password !== undefined && username === undefined)
    refuse('options.password requires options.username', 'pass options.username <name>, the account that nodes pull with')
  const remarks: Remarks = { comment: [], notes: [], warnings: [] }
  const tls = mergeTls(options, isSecure, remarks.notes)
  const { auth, blanks } = mergeAuth(options, endpoint, remarks)
  return {
    config: tls === undefined && auth === undefined ? undefined : { tls, auth },
    blanks: [
      ...(tls === undefined && isSecure ? blankCa : []),
      ...(tls === undefined && isSecure && demands.clientCertificate ? blankClient : []),
      ...(demands.login ? blanks : []),
    ],
    ...remarks,
  }
}
