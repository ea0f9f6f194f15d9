import { MirrorError } from '../../../errors.ts'
import { rememberSecret } from '../../../text/secrets.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { GenerateFlags } from '../../commands/registries.ts'
import { readStandardInput } from './read-standard-input.ts'

const variable = 'K3S_MIRROR_NODE_PASSWORD'

/** Bytes of a password; the longest tokens have a few thousand. */
const maxPasswordBytes = 32 * 1024

const pipe = 'pipe only the password: printf %s "$PASSWORD" | k3s-mirror registries generate --password-stdin …'

function refuse(message: string, hint: string): never {
  throw new MirrorError('USAGE', message, { hint })
}

/** One line, without its line break. */
async function readPasswordLine(signal: AbortSignal): Promise<string> {
  const bytes = (await readStandardInput(maxPasswordBytes, signal)) ?? refuse('standard input: the password is larger than 32 KiB', pipe)
  const password = new TextDecoder().decode(bytes).replace(/\r?\n$/, '')
  return password === '' ? refuse('standard input: the password is empty', pipe) : password
}

/** The password of `--username`, from standard input or else the environment; undefined for none. Throws USAGE. */
export async function readNodePassword(
  { username, passwordStdin = false, images = [] }: Pick<GenerateFlags, 'username' | 'passwordStdin' | 'images'>,
  { signal, warn }: Pick<CliProcess, 'signal' | 'warn'>,
): Promise<string | undefined> {
  const given = process.env[variable] || undefined
  if (username === undefined) {
    if (passwordStdin) refuse('--password-stdin requires --username', 'pass --username <name>, the account that nodes pull with')
    if (given !== undefined) warn(`${variable} is ignored: it requires --username`)
    return undefined
  }
  if (passwordStdin && images.includes('-')) {
    refuse('--password-stdin and --images - both read standard input', `pass the list as a file, or set ${variable}`)
  }
  const password = passwordStdin ? await readPasswordLine(signal) : given
  if (password === undefined) return undefined
  // Before any message can quote it.
  rememberSecret(password, username)
  // K3s escapes them in a way that containerd cannot read.
  if (/\p{Cc}/u.test(password)) refuse('the password contains a control character', 'pass a single line without tabs')
  return password
}
