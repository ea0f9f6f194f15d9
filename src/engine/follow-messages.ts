import type { Readable } from 'node:stream'
import type { MirrorEvent } from '../copy/events.ts'
import { MirrorError } from '../errors.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { isJsonObject } from '../oci/json-object.ts'
import { foreignText } from '../text/printable.ts'
import { engineRefusal, ImageGone, saysGone } from './engine-error.ts'

/** One line of an answer, in bytes: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageCreate */
export interface EngineMessage {
  /** The short id of a layer, or the tag that is pulled. */
  readonly id?: string
  readonly status?: string
  readonly current?: number
  readonly total?: number
  readonly aux?: Readonly<Record<string, unknown>>
  /** The Engine failed, whatever the HTTP status said. */
  readonly error?: string
}

/** How far one layer is: `layer` is its short id, `bytes` of `size` are done. */
export type LayerProgress = Omit<Extract<MirrorEvent, { type: 'layer-progressed' }>, 'type' | 'image'>

/** Takes the progress of layers. */
export type OnLayer = (progress: LayerProgress) => void

/** What became of a layer in a push. */
export type LayerOutcome = 'copied' | 'present' | 'mounted'

/** A push that the Engine calls done. */
export interface Pushed {
  /** Of the manifest that the tag names now, by the Engine's word. */
  readonly digest: Digest
  /** By short id. */
  readonly layers: ReadonlyMap<string, LayerOutcome>
}

const phases: Readonly<Record<string, LayerProgress['phase']>> = {
  Downloading: 'download',
  Extracting: 'extract',
  Pushing: 'push',
  'Loading layer': 'extract',
}

/** Characters of a layer's id that are shown: a digest has 71. */
const longestId = 71

const outcomes: readonly (readonly [words: RegExp, outcome: LayerOutcome])[] = [
  [/^Pushed$/, 'copied'],
  [/^Layer already exists$/, 'present'],
  [/^Mounted from /, 'mounted'],
]

/** The messages without errors, each of which is a failure whatever the HTTP status was; layers are reported on the way. */
async function* follow(
  messages: AsyncIterable<EngineMessage>,
  verb: 'pull' | 'push' | 'load',
  name: string,
  onLayer: OnLayer | undefined,
): AsyncGenerator<EngineMessage & { readonly status: string }> {
  for await (const message of messages) {
    const { error, status = '', id, current, total } = message
    if (error !== undefined) {
      if (verb !== 'load' && saysGone(error)) throw new ImageGone(name)
      throw engineRefusal(error, [verb, name], verb === 'pull' ? 'source' : 'destination')
    }
    const phase = phases[status]
    if (phase !== undefined && id !== undefined && current !== undefined && total !== undefined)
      onLayer?.({ phase, layer: foreignText(id).slice(0, longestId), bytes: Math.min(current, total), size: total })
    yield { ...message, status }
  }
}

/** Follows a pull to its end: the digest that the name stood for, which Podman does not state, and the short ids of layers and, by Podman, of the image. */
export async function followPull(
  messages: AsyncIterable<EngineMessage>,
  name: string,
  onLayer?: OnLayer,
): Promise<{ readonly digest: Digest | undefined; readonly ids: ReadonlySet<string> }> {
  let digest: Digest | undefined
  const ids = new Set<string>()
  for await (const { status, id } of follow(messages, 'pull', name, onLayer)) {
    if (/^WARNING:.*platform/i.test(status)) {
      const message = `the Docker Engine has another platform of ${name} than requested: ${foreignText(status)}`
      throw new MirrorError('NO_SUCH_PLATFORM', message, { side: 'source', subject: name })
    }
    const [, stated = ''] = /^Digest: (\S+)$/.exec(status) ?? []
    if (isDigest(stated)) digest = stated
    if (id !== undefined) ids.add(id)
  }
  return { digest, ids }
}

/** Follows a push to its end: the digest is in `aux`, in a status line, or in both. Throws ImageGone and as followPull does. */
export async function followPush(messages: AsyncIterable<EngineMessage>, name: string, onLayer?: OnLayer): Promise<Pushed> {
  const stated = new Set<Digest>()
  const layers = new Map<string, LayerOutcome>()
  for await (const { status, id, aux } of follow(messages, 'push', name, onLayer)) {
    // What a containerd store says about what it really pushed.
    if (aux?.['contentMissing'] === true) {
      throw new MirrorError(
        'UNSUPPORTED',
        `the Docker Engine has only a part of ${name}: it holds an index, and not every image below it`,
        {
          subject: name,
          hint: 'choose the platforms to push with options.platforms, or use options.via registry',
        },
      )
    }
    for (const text of [aux?.['Digest'], /: digest: (\S+) size: [0-9]+$/.exec(status)?.[1]])
      if (typeof text === 'string' && isDigest(text)) stated.add(text)
    const outcome = outcomes.find(([words]) => words.test(status))?.[1]
    if (id !== undefined && outcome !== undefined) layers.set(id, outcome)
  }
  const [digest, other] = stated
  if (digest === undefined) throw endedEarly(`the push of ${name}`)
  if (other !== undefined)
    throw new MirrorError('PROTOCOL', `the Docker Engine names two digests for ${name}: ${digest} and ${other}`, {
      side: 'destination',
      subject: name,
    })
  return { digest, layers }
}

/** Follows a load to its end. Nothing that an Engine says proves it: the caller inspects the image afterwards. */
export async function followLoad(messages: AsyncIterable<EngineMessage>, name: string, onLayer?: OnLayer): Promise<void> {
  for await (const _ of follow(messages, 'load', name, onLayer));
}

/** The failure of a stream that ends without what proves it. */
export function endedEarly(what: string): MirrorError {
  return new MirrorError('PROTOCOL', `the Docker Engine ended ${what} without a digest, so it may be incomplete`, {
    hint: "check the daemon's log",
  })
}

/** Characters that one line may have. */
const maxLine = 1024 * 1024

/** A count of bytes; an Engine writes `{}` where the count is unknown. */
function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}

/** `errorDetail` is the present form and `error` the older one; there may be only one of them. */
function errorOf({ errorDetail, error }: Readonly<Record<string, unknown>>): string | undefined {
  const detail = isJsonObject(errorDetail) ? errorDetail['message'] : undefined
  const stated = [detail, error].find((text) => typeof text === 'string' && text !== '')
  if (typeof stated === 'string') return stated
  return errorDetail === undefined && error === undefined ? undefined : 'the Engine names no reason'
}

function parseMessage(line: string): EngineMessage {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new MirrorError('PROTOCOL', 'the Docker Engine sent a line that is not JSON', { cause })
  }
  if (!isJsonObject(value)) throw new MirrorError('PROTOCOL', 'the Docker Engine sent a line that is not a JSON object')
  const { id, status, progressDetail, aux } = value
  const detail = isJsonObject(progressDetail) ? progressDetail : {}
  const [current, total, error] = [count(detail['current']), count(detail['total']), errorOf(value)]
  return {
    ...(typeof id === 'string' && { id }),
    ...(typeof status === 'string' && { status }),
    ...(current !== undefined && { current }),
    ...(total !== undefined && { total }),
    ...(isJsonObject(aux) && { aux }),
    ...(error !== undefined && { error }),
  }
}

/**
 * The messages of a stream, each a line of JSON; the last one may lack its end. A stream that is silent for so many milliseconds throws TIMEOUT,
 * an incomplete one CONNECTION_LOST, and a line that is not a message PROTOCOL. Leaving the loop closes the connection, which stops the Engine's work.
 */
export async function* readMessages(stream: Readable, silence: number): AsyncGenerator<EngineMessage, void, undefined> {
  const decoder = new TextDecoder()
  const watchdog = setTimeout(() => {
    const hint = "check the daemon's log"
    stream.destroy(new MirrorError('TIMEOUT', `the Docker Engine sent nothing for ${Math.round(silence / 1000)} s`, { hint }))
  }, silence)
  let rest = ''
  try {
    for await (const chunk of stream) {
      watchdog.refresh()
      const [first = '', ...others] = decoder.decode(chunk as Uint8Array, { stream: true }).split('\n')
      const lines = [rest + first, ...others]
      rest = lines.pop() ?? ''
      if (rest.length > maxLine) throw new MirrorError('PROTOCOL', 'the Docker Engine sent a line without an end')
      for (const line of lines) if (line.trim() !== '') yield parseMessage(line)
    }
    rest += decoder.decode()
    if (rest.trim() !== '') yield parseMessage(rest)
  } catch (error) {
    if (error instanceof MirrorError || (error as Error).name === 'AbortError') throw error
    throw new MirrorError('CONNECTION_LOST', 'the Docker Engine closed the connection during its answer', {
      hint: "check the daemon's log: it may have restarted or crashed",
      cause: error,
    })
  } finally {
    clearTimeout(watchdog)
    stream.destroy()
  }
}
