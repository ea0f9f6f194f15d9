import { spawn, type ChildProcess } from 'node:child_process'
import { Agent } from 'node:http'
import type { Socket } from 'node:net'
import { platform } from 'node:os'
import { Duplex } from 'node:stream'
import { MirrorError, systemReason } from '../errors.ts'
import { foreignText, printable } from '../text/printable.ts'
import { shellQuoted } from '../text/shell-quoted.ts'
import type { SshAddress } from './engine-address.ts'

/**
 * An agent for node:http whose every connection is `ssh … docker system dial-stdio`, as the Docker CLI does it:
 * https://docs.docker.com/engine/security/protect-access/#use-ssh-to-protect-the-docker-daemon-socket
 * OpenSSH checks the host's key, and never asks. `environment` is that of ssh, PATH and SSH_AUTH_SOCK included; default: this process's own.
 * Requests fail with ENGINE_UNAVAILABLE, or CONNECTION_LOST once the Engine had answered.
 */
export function sshAgent(
  address: SshAddress,
  options: { readonly environment?: Readonly<Record<string, string | undefined>> | undefined; readonly program?: string } = {},
): Agent {
  const { environment, program = 'ssh' } = options
  const agent = new Agent({ keepAlive: true })
  agent.createConnection = () => {
    const child = spawn(program, sshArguments(address), {
      shell: false,
      windowsHide: true,
      // Ctrl-C is for this program, which ends what is under way in order; Windows would open a console
      detached: platform() !== 'win32',
      ...(environment !== undefined && { env: { ...environment } }),
    })
    return new SshConnection(child, address)
  }
  return agent
}

const sshOptions = ['-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=yes', '-o', 'ConnectTimeout=30', '-T']

function sshArguments({ user, host, port, socketPath }: SshAddress): readonly string[] {
  const login = [...(user === undefined ? [] : ['-l', user]), ...(port === undefined ? [] : ['-p', String(port)])]
  // ssh joins the words of the command, and a shell splits them again.
  const engine = socketPath === undefined ? [] : [shellQuoted(`--host=unix://${socketPath}`)]
  return [...sshOptions, ...login, '--', host, 'docker', ...engine, 'system', 'dial-stdio']
}

const maxStderr = 4096
/** Milliseconds. */
const patience = { lastWords: 200, untilKill: 3000 }

/** The child's stdin and stdout as one stream, with what node:http asks of a socket. */
class SshConnection extends Duplex {
  /** Milliseconds without traffic until `timeout`, as net.Socket has it: the agent of node:http compares it. */
  timeout = 0
  readonly #child: ChildProcess
  readonly #address: SshAddress
  #idle: NodeJS.Timeout | undefined
  #stderr = ''
  #hasAnswered = false
  readonly #open = new Set(['child', 'stdout'])

  constructor(child: ChildProcess, address: SshAddress) {
    super({ allowHalfOpen: false })
    this.#child = child
    this.#address = address
    const { stdin, stdout, stderr } = child
    child.on('error', (error: NodeJS.ErrnoException) => this.destroy(this.#notStarted(error)))
    child.once('exit', () => this.#ended('child'))
    stdout?.on('data', (chunk: Buffer) => {
      this.#hasAnswered = true
      this.#idle?.refresh()
      if (!this.push(chunk)) stdout.pause()
    })
    stdout?.once('end', () => this.#ended('stdout'))
    stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('latin1')).slice(-maxStderr)
    })
    // a child that is gone does not read; its end shows why
    for (const stream of [stdin, stdout, stderr]) stream?.on('error', () => undefined)
  }

  override _read(): void {
    this.#child.stdout?.resume()
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void {
    this.#idle?.refresh()
    // a broken pipe is not reported: the child's end is, and knows the reason
    this.#child.stdin?.write(chunk, encoding, (error) => (error ? undefined : done()))
  }

  override _final(done: () => void): void {
    const { stdin } = this.#child
    if (stdin?.destroyed === false) stdin.end(() => done())
    else done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#idle)
    const child = this.#child
    if (child.exitCode === null && child.signalCode === null && child.kill()) {
      const timer = setTimeout(() => child.kill('SIGKILL'), patience.untilKill).unref()
      child.once('exit', () => clearTimeout(timer))
    }
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy()
    done(error)
  }

  /** What node:http calls when the answer is the last one. */
  destroySoon(): void {
    this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  setTimeout(milliseconds: number, listener?: () => void): this {
    clearTimeout(this.#idle)
    this.timeout = milliseconds
    if (milliseconds > 0) {
      this.#idle = setTimeout(() => this.emit('timeout'), milliseconds).unref()
      if (listener) this.once('timeout', listener)
    } else if (listener) this.off('timeout', listener)
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    for (const one of this.#counted()) one?.ref()
    return this
  }

  unref(): this {
    for (const one of this.#counted()) one?.unref()
    return this
  }

  /** What keeps the process alive: pipes to a child are sockets; a child that failed to start for lack of descriptors has no pipes. */
  #counted(): readonly (Pick<Socket, 'ref' | 'unref'> | undefined)[] {
    const { stdin, stdout, stderr } = this.#child
    return [this.#child, stdin, stdout, stderr] as unknown as readonly (Socket | undefined)[]
  }

  #ended(what: 'child' | 'stdout'): void {
    this.#open.delete(what)
    if (this.#open.size > 0 || this.destroyed) return
    const { stderr } = this.#child
    if (stderr?.readableEnded !== false) return this.#finish()
    // a ControlPersist master that ssh has left behind holds stderr open
    const timer = setTimeout(() => this.#finish(), patience.lastWords)
    stderr.once('end', () => {
      clearTimeout(timer)
      this.#finish()
    })
  }

  #finish(): void {
    if (this.destroyed) return
    if (this.#hasAnswered && this.#child.exitCode === 0) this.push(null)
    else this.destroy(this.#failure())
  }

  #notStarted({ code = 'unknown reason' }: NodeJS.ErrnoException): MirrorError {
    const why = code === 'ENOENT' ? 'ssh is not installed, or not on PATH' : `ssh cannot be started: ${systemReason({ code })}`
    return new MirrorError('ENGINE_UNAVAILABLE', `cannot reach the Docker Engine over ssh: ${why}`, {
      hint: 'install the OpenSSH client',
    })
  }

  #failure(): MirrorError {
    const { exitCode, signalCode } = this.#child
    const said = Buffer.from(this.#stderr, 'latin1').toString('utf8')
    const lastLine =
      said
        .trimEnd()
        .split(/[\r\n]/)
        .at(-1) ?? ''
    const end = exitCode === null ? `signal ${signalCode ?? 'unknown'}` : `exit code ${exitCode}`
    const why = foreignText(lastLine) || `ssh ended with ${end} without a message`
    const hint = hintFor(said, exitCode, this.#address)
    return this.#hasAnswered
      ? new MirrorError('CONNECTION_LOST', `the ssh connection to the Docker Engine closed unexpectedly: ${why}`, { hint })
      : new MirrorError('ENGINE_UNAVAILABLE', `cannot reach the Docker Engine over ssh: ${why}`, { hint })
  }
}

function hintFor(said: string, exitCode: number | null, { user, host, port }: SshAddress): string {
  const machine = printable(host)
  const target = printable(`${port === undefined ? '' : `-p ${port} `}${user === undefined ? '' : `${user}@`}${host}`)
  if (/host key verification failed/i.test(said)) {
    return `run ssh ${target} once, and compare the host key that it shows with the key of the host`
  }
  // what dial-stdio says of the socket over there also has "permission denied" in it
  if (/connect: permission denied/i.test(said)) return `add the remote user to the group "docker" on ${machine}`
  if (/permission denied \(|too many authentication failures/i.test(said)) {
    return 'load a key that the host accepts into the agent with ssh-add: ssh cannot ask for a password here'
  }
  if (exitCode === 127 || /command not found/i.test(said)) return `install Docker on ${machine}, on the PATH of commands that ssh runs`
  return `run ssh ${target} docker version`
}
