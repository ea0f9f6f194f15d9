import { MirrorError } from '../../errors.ts'
import type { RegistryAuth, RegistryConfig, RegistryTls } from '../registries.ts'
import { readAuth } from '../resolve/resolve-credentials.ts'

/** Where a node's files for TLS lie, and the account that it pulls with. */
export interface NodeSettings {
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly username?: string | undefined
}

/** What a registry is known to ask of nodes. */
export interface NodeDemands {
  readonly clientCertificate: boolean
  readonly login: boolean
}

/** What goes into the entry of `configs` for the destination. */
export interface NodeConfigOptions extends NodeSettings {
  /** The destination speaks https. */
  readonly isSecure: boolean
  /** What another registries.yaml says of the same host. */
  readonly known?: RegistryConfig | undefined
  /** Known credentials are written; otherwise a comment stands in for them. */
  readonly secrets?: boolean | undefined
  /** Default: unknown, so that what may be needed is left to be filled in. */
  readonly demands?: NodeDemands | undefined
}

/** An entry of `configs`, where there is anything to say, and what is left to be filled in. */
export interface NodeConfig {
  readonly config: RegistryConfig | undefined
  /** Lines of YAML that are to be a comment at the end of the entry. */
  readonly blanks: readonly string[]
  /** Sentences for the reader. */
  readonly notes: readonly string[]
}

const blankCa = ['tls:', '  ca_file: /etc/rancher/k3s/registry-ca.crt # what signed its certificate, where nodes do not trust that yet']
const blankClient = [
  '  cert_file: /etc/rancher/k3s/registry-client.crt # and its key, where nodes have to show a certificate',
  '  key_file: /etc/rancher/k3s/registry-client.key',
]
const noAuth: RegistryAuth = { username: '', password: '', auth: '', identityToken: '' }

function refuse(message: string, hint: string): never {
  throw new MirrorError('USAGE', message, { hint })
}

/** Paths on a Linux node, or on a Windows one. */
function isAbsolute(path: string): boolean {
  return /^(?:\/|[A-Za-z]:[\\/])/.test(path)
}

function checkSettings(settings: NodeSettings, isSecure: boolean): void {
  const { caFile = '', certFile = '', keyFile = '' } = settings
  for (const [option, path] of Object.entries({ '--ca-file': caFile, '--cert-file': certFile, '--key-file': keyFile })) {
    if (path === '') continue
    if (!isSecure) refuse(`${option} is given, and the destination speaks plain http`, 'Leave it out, or give --to with https://.')
    if (!isAbsolute(path))
      refuse(
        `${option} is the path of a file on the nodes, and "${path}" is not absolute`,
        'Write it as in /etc/rancher/k3s/registry-ca.crt.',
      )
  }
  if ((certFile === '') !== (keyFile === '')) {
    refuse('--cert-file and --key-file belong together, and one is missing', 'Give both: the client certificate of the nodes and its key.')
  }
}

/** The client certificate and its key, which may be in one file; paths that mean nothing on a node are left out. */
function carriedPair({ certFile, keyFile }: RegistryTls): readonly [certFile: string, keyFile: string] {
  return [certFile, keyFile || certFile].every(isAbsolute) ? [certFile, keyFile || certFile] : ['', '']
}

/** The TLS of the options before that of the other file; verification is never turned off here. */
function mergeTls({ known, isSecure, ...given }: NodeConfigOptions, notes: string[]): RegistryTls | undefined {
  checkSettings(given, isSecure)
  const tls = known?.tls
  if (!isSecure) {
    if (tls !== undefined) notes.push('the TLS settings that are known for the destination are left out, because it speaks plain http')
    return undefined
  }
  if (tls?.insecureSkipVerify === true) {
    notes.push('insecure_skip_verify is not carried over: give nodes the CA of the registry as ca_file')
  }
  const carriedCa = tls !== undefined && isAbsolute(tls.caFile) ? tls.caFile : ''
  const [carriedCert, carriedKey] = tls === undefined ? ['', ''] : carriedPair(tls)
  if ([tls?.caFile, tls?.certFile, tls?.keyFile].some((path = '') => path !== '' && !isAbsolute(path))) {
    notes.push('relative paths of TLS files are not carried over: they mean nothing on a node')
  }
  const caFile = given.caFile || carriedCa
  const [certFile, keyFile] = given.certFile ? [given.certFile, given.keyFile ?? ''] : [carriedCert, carriedKey]
  if (caFile === '' && certFile === '') return undefined
  notes.push('the TLS files have to lie at the same paths on every node')
  return { caFile, certFile, keyFile, insecureSkipVerify: false }
}

/** The one kind of credentials that containerd would use. */
function effectiveAuth(auth: RegistryAuth | undefined): RegistryAuth | undefined {
  const read = auth === undefined ? undefined : readAuth(auth)
  if (read === undefined || read === 'invalid') return undefined
  return read.kind === 'basic' ? { ...noAuth, username: read.username, password: read.password } : { ...noAuth, identityToken: read.token }
}

interface MergedAuth {
  readonly auth: RegistryAuth | undefined
  readonly blanks: readonly string[]
}

function mergeAuth({ known, username, isSecure, secrets = false }: NodeConfigOptions, notes: string[]): MergedAuth {
  const found = effectiveAuth(known?.auth)
  const auth = username === undefined || username === found?.username ? found : undefined
  const name = username ?? auth?.username ?? ''
  const blanks = [
    'auth: # an account that may pull is enough',
    `  username: ${name === '' ? 'USERNAME' : JSON.stringify(name)}`,
    '  password: PASSWORD',
  ]
  if (auth === undefined || (auth.username !== '' && auth.password === '')) return { auth: undefined, blanks }
  if (!isSecure) {
    notes.push('the credentials that are known for the destination are left out: over plain http everyone on the way could read them')
    return { auth: undefined, blanks }
  }
  if (!secrets) {
    notes.push('the credentials that are known for the destination are not printed; a file that is written holds them')
    return { auth: undefined, blanks }
  }
  notes.push('it holds the credentials of --registries for the destination; nodes only pull, so give them an account that may do no more')
  return { auth, blanks: [] }
}

/** Settles what nodes are told about the destination's TLS and credentials. Throws USAGE for settings that contradict each other or the destination. */
export function nodeConfig(options: NodeConfigOptions): NodeConfig {
  const { isSecure, demands = { clientCertificate: true, login: true } } = options
  const notes: string[] = []
  const tls = mergeTls(options, notes)
  const { auth, blanks } = mergeAuth(options, notes)
  const isEmpty = tls === undefined && auth === undefined
  return {
    config: isEmpty ? undefined : { tls, auth },
    blanks: [
      ...(tls === undefined && isSecure ? blankCa : []),
      ...(tls === undefined && isSecure && demands.clientCertificate ? blankClient : []),
      ...(demands.login ? blanks : []),
    ],
    notes,
  }
}
