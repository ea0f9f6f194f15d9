import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { onAbort } from '../async/on-abort.ts'
import { SingleFlight } from '../async/single-flight.ts'
import { MirrorError } from '../errors.ts'
import type { EngineAddress } from './engine-address.ts'
import { connectionError } from './engine-error.ts'
import { encodeRegistryAuth, type EngineLogin } from './engine-login.ts'
import { readMessages, type EngineMessage } from './follow-messages.ts'
import { sshAgent } from './ssh-agent.ts'

/** A request to the Engine's API. */
export interface EngineRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below the version, without a query. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly auth?: EngineLogin
  /** A tar that is sent with it; called again where the request has to be sent again. */
  readonly body?: (() => AsyncIterable<Uint8Array>) | undefined
  readonly signal?: AbortSignal | undefined
}

/** An answer with an error status, and the daemon's own message. */
export class EngineAnswer extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** How the Engine is reached. */
export interface DockerClientOptions {
  readonly address: EngineAddress
  /** The address for messages. */
  readonly name: string
  /** Milliseconds for an answer. */
  readonly timeout: number
  /** Milliseconds that a pull or push may be silent. */
  readonly silence: number
  /** Milliseconds that a daemon which has answered before is waited for, while it is restarted. */
  readonly restart: number
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
}

/** How often a daemon that is away is asked, over the time that it is waited for. */
const restartPolls = 60

function agentFor({ address, environment }: DockerClientOptions): HttpAgent {
  if (address.kind === 'ssh') return withoutHeaders(sshAgent(address, { environment }))
  if (address.kind === 'socket' || address.tls === undefined) return withoutHeaders(new HttpAgent())
  const { ca, cert, key, verify } = address.tls
  return withoutHeaders(new HttpsAgent({ ca, cert, key, rejectUnauthorized: verify }))
}

/** A connection has no need of its first request's headers, which NODE_DEBUG=http and NODE_DEBUG=net print, X-Registry-Auth among them. */
function withoutHeaders(agent: HttpAgent): HttpAgent {
  const adding = agent as HttpAgent & { addRequest(request: object, options: object, ...more: readonly unknown[]): void }
  const add = adding.addRequest.bind(agent)
  adding.addRequest = (request, options, ...more) => add(request, { ...options, headers: undefined }, ...more)
  return agent
}

/** Loads dockerode, which no other file does. The options that it would otherwise read from the environment are all given, so that one address counts. */
async function openModem({ address }: DockerClientOptions, agent: HttpAgent): Promise<Docker['modem']> {
  const [{ default: createDebug }, { default: Dockerode }] = await Promise.all([import('debug'), import('dockerode')])
  // With DEBUG=modem the client's own log would show X-Registry-Auth.
  if (createDebug.enabled('modem')) createDebug.enable(`${createDebug.disable()},-modem`)
  const isSocket = address.kind === 'socket'
  const unset = { ca: undefined, cert: undefined, key: undefined, timeout: undefined, version: undefined }
  const options: object = {
    ...unset,
    socketPath: isSocket ? address.path : undefined,
    host: isSocket ? undefined : address.host,
    port: isSocket ? undefined : address.kind === 'tcp' ? address.port : 80,
    protocol: address.kind === 'tcp' && address.tls !== undefined ? 'https' : 'http',
    agent,
    pathPrefix: '/',
  }
  return new Dockerode(options).modem
}

/** Chunks as they come, each reported, and a failure too. */
async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  { tick, note }: { readonly tick?: () => void; readonly note?: (error: unknown) => void },
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of chunks) {
      tick?.()
      yield chunk
    }
  } catch (error) {
    note?.(error)
    throw error
  }
}

/** Speaks with one Docker Engine over its API; the only importer of dockerode. */
export class DockerClient implements Disposable {
  readonly name: string
  readonly #options: DockerClientOptions
  readonly #agent: HttpAgent
  readonly #modem: Promise<Docker['modem']>
  #hasAnswered = false
  /** A request has timed out: later ones are not sent. */
  #isGone = false
  readonly #waits = new SingleFlight<boolean>()

  constructor(options: DockerClientOptions) {
    this.name = options.name
    this.#options = options
    this.#agent = agentFor(options)
    this.#modem = openModem(options, this.#agent)
  }

  /** Uses this version of the API from now on, `1.41`. */
  async useVersion(version: string): Promise<void> {
    Object.assign(await this.#modem, { version: `v${version}` })
  }

  /** The JSON of an answer. Throws EngineAnswer, ENGINE_UNAVAILABLE, CONNECTION_LOST and TIMEOUT. */
  json(request: EngineRequest): Promise<unknown> {
    return this.#dial(request, this.#options.timeout, false)
  }

  /** The messages of a pull, a push or a load, which ends when its reader leaves the loop. Throws as `json` does, and as readMessages. */
  async *messages(request: EngineRequest): AsyncGenerator<EngineMessage, void, undefined> {
    const { silence } = this.#options
    const { body } = request
    let failure: unknown
    const note = (error: unknown): void => void (failure ??= error)
    const noted = { ...request, body: body && (() => watched(body(), { note })) }
    try {
      yield* readMessages((await this.#dial(noted, silence, true)) as Readable, silence)
    } catch (error) {
      request.signal?.throwIfAborted()
      throw failure ?? error
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  /** A request that did not reach the Engine is sent again when that is back from a restart. */
  async #dial(request: EngineRequest, patience: number, isStream: boolean): Promise<unknown> {
    try {
      const answer = await this.#dialOnce(request, patience, isStream)
      this.#hasAnswered = true
      return answer
    } catch (error) {
      const isAway = error instanceof MirrorError && error.code === 'ENGINE_UNAVAILABLE'
      if (!isAway || !this.#hasAnswered || this.#isGone) throw error
      // One wait serves everybody who has a request.
      if (!(await this.#waits.run('restart', (signal) => this.#comesBack(signal), request.signal))) throw error
      return this.#dial(request, patience, isStream)
    }
  }

  /** True once it answers again; false if it did not in time. */
  async #comesBack(signal: AbortSignal): Promise<boolean> {
    const { restart, timeout } = this.#options
    for (const start = performance.now(); performance.now() - start < restart;) {
      await sleep(restart / restartPolls, undefined, { signal })
      try {
        await this.#dialOnce({ method: 'GET', path: '/_ping', signal }, timeout, false)
        return true
      } catch {
        signal.throwIfAborted()
      }
    }
    this.#isGone = true
    return false
  }

  async #dialOnce({ method, path, query, auth, body, signal }: EngineRequest, patience: number, isStream: boolean): Promise<unknown> {
    // Loading dockerode is not the Engine's silence.
    const modem = await this.#modem
    signal?.throwIfAborted()
    const abort = new AbortController()
    const forget = onAbort(signal, () => abort.abort(signal?.reason))
    const late = new MirrorError('TIMEOUT', `the Docker Engine at ${this.name} did not answer for ${Math.round(patience / 1000)} s`, {
      hint: "check the daemon's log",
    })
    const timer = setTimeout(() => abort.abort(late), patience)
    // While the body moves, the Engine is not silent.
    const file = body && Readable.from(watched(body(), { tick: () => timer.refresh() }), { objectMode: false })
    file?.once('error', (error) => abort.abort(error))
    const dialled: Parameters<Docker['modem']['dial']>[0] = {
      method,
      path: query === undefined ? path : `${path}?`,
      statusCodes: { 200: true, 201: true, 204: true },
      isStream,
      abortSignal: abort.signal,
      ...(query !== undefined && { options: { _query: query, _body: {} } }),
      ...(file !== undefined && { file }),
      ...(auth !== undefined && { authconfig: { base64: encodeRegistryAuth(auth) } }),
    }
    try {
      const answer = await new Promise<unknown>((resolve, reject) => {
        modem.dial(dialled, (error: unknown, data: unknown) => (error ? reject(error) : resolve(data)))
      })
      // A stream is stopped by the signal until it ends, an answer that is whole needs none.
      if (isStream) (answer as Readable).once('close', forget)
      else forget()
      return answer
    } catch (error) {
      forget()
      signal?.throwIfAborted()
      if (abort.signal.aborted) throw abort.signal.reason
      const { statusCode, message } = error as Error & { readonly statusCode?: number }
      if (statusCode === undefined) throw connectionError(error, this.name)
      // The answer to a stream is given only in the client's own sentence.
      throw new EngineAnswer(statusCode, message.replace(/^\(HTTP code \d+\) .*? - /, '').trim())
    } finally {
      clearTimeout(timer)
      // What the Engine answered without reading it to its end is not read on.
      if (abort.signal.aborted) file?.destroy()
    }
  }
}
