import { MirrorError } from '../../errors.ts'
import type { RegistryAuth, RegistryConfig, RegistryTls } from '../registries.ts'
import { readAuth } from '../resolve/resolve-credentials.ts'
import type { GenerateOptions } from './options.ts'

const blankCa = ['tls:', '  ca_file: /etc/rancher/k3s/registry-ca.crt # what signed its certificate, where nodes do not trust that yet']
const blankClient = [
  '  cert_file: /etc/rancher/k3s/registry-client.crt # and its key, where nodes have to show a certificate',
  '  key_file: /etc/rancher/k3s/registry-client.key',
]
const noAuth: RegistryAuth = { username: '', password: '', auth: '', identityToken: '' }
const noTls: RegistryTls = { caFile: '', certFile: '', keyFile: '', insecureSkipVerify: false }

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
    if (!isSecure) refuse(`${option} is given, and the destination speaks plain http`, 'Leave it out, or give options.to with https://.')
    if (!isAbsolute(path))
      refuse(
        `${option} is the path of a file on the nodes, and "${path}" is not absolute`,
        'Write it as in /etc/rancher/k3s/registry-ca.crt.',
      )
  }
  if ((certFile === '') !== (keyFile === '')) {
    refuse(
      'options.certFile and options.keyFile belong together, and one is missing',
      'Give both: the client certificate of the nodes and its key.',
    )
  }
}

/** The TLS of the options before that of the other file; verification is never turned off here. */
function mergeTls(given: GenerateOptions, isSecure: boolean, notes: string[]): RegistryTls | undefined {
  checkFiles(given, isSecure)
  const known = given.known?.tls ?? noTls
  if (!isSecure) {
    if (known !== noTls) notes.push('the TLS settings that are known for the destination are left out, because it speaks plain http')
    return undefined
  }
  if (known.insecureSkipVerify) {
    notes.push('insecure_skip_verify is not carried over: give nodes the CA of the registry as ca_file')
  }
  if ([known.caFile, known.certFile, known.keyFile].some((path) => path !== '' && !isAbsolute(path))) {
    notes.push('relative paths of TLS files are not carried over: they mean nothing on a node')
  }
  const caFile = given.caFile || (isAbsolute(known.caFile) ? known.caFile : '')
  // The client certificate and its key may be in one file.
  const knownPair = [known.certFile, known.keyFile || known.certFile] as const
  const [certFile, keyFile] = given.certFile ? [given.certFile, given.keyFile ?? ''] : knownPair.every(isAbsolute) ? knownPair : ['', '']
  if (caFile === '' && certFile === '') return undefined
  notes.push('the TLS files have to lie at the same paths on every node')
  return { caFile, certFile, keyFile, insecureSkipVerify: false }
}

/** The one kind of credentials that containerd would use. */
function effectiveAuth(auth: RegistryAuth | undefined): RegistryAuth | undefined {
  const read = auth && readAuth(auth)
  if (read === undefined || read === 'invalid') return undefined
  return read.kind === 'basic' ? { ...noAuth, username: read.username, password: read.password } : { ...noAuth, identityToken: read.token }
}

/** The known credentials where they may be written, and otherwise the lines to fill in. */
function mergeAuth(
  { known, username, secrets = false }: GenerateOptions,
  isSecure: boolean,
  notes: string[],
): { readonly auth: RegistryAuth | undefined; readonly blanks: readonly string[] } {
  const found = effectiveAuth(known?.auth)
  const auth = username === undefined || username === found?.username ? found : undefined
  const name = username ?? auth?.username ?? ''
  const blanks = [
    'auth: # an account that may pull is enough',
    `  username: ${name === '' ? 'USERNAME' : JSON.stringify(name)}`,
    '  password: PASSWORD',
  ]
  if (auth === undefined || (auth.username !== '' && auth.password === '')) return { auth: undefined, blanks }
  if (isSecure && secrets) {
    notes.push(
      'it holds the credentials of options.registries for the destination; nodes only pull, so give them an account that may do no more',
    )
    return { auth, blanks: [] }
  }
  notes.push(
    isSecure
      ? 'the credentials that are known for the destination are not printed; a file that is written holds them'
      : 'the credentials that are known for the destination are left out: over plain http everyone on the way could read them',
  )
  return { auth: undefined, blanks }
}

/** Settles the entry of `configs` for the destination, if any, with lines of YAML to be filled in, for a comment; throws USAGE for settings that contradict each other or it. */
export function destinationConfig(
  options: GenerateOptions,
  isSecure: boolean,
): { readonly config: RegistryConfig | undefined; readonly blanks: readonly string[]; readonly notes: readonly string[] } {
  const { demands = { clientCertificate: true, login: true } } = options
  const notes: string[] = []
  const tls = mergeTls(options, isSecure, notes)
  const { auth, blanks } = mergeAuth(options, isSecure, notes)
  return {
    config: tls === undefined && auth === undefined ? undefined : { tls, auth },
    blanks: [
      ...(tls === undefined && isSecure ? blankCa : []),
      ...(tls === undefined && isSecure && demands.clientCertificate ? blankClient : []),
      ...(demands.login ? blanks : []),
    ],
    notes,
  }
}
