import type { Readable } from 'node:stream'
import { MirrorError } from '../errors.ts'
import { isJsonObject } from '../oci/json-object.ts'

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

/** Characters that one line may have. */
const maxLine = 1024 * 1024

/** A count of bytes; an Engine writes `{}` where it has none. */
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
  if (!isJsonObject(value)) throw new MirrorError('PROTOCOL', 'the Docker Engine sent a line that is no JSON object')
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
 * one that is cut CONNECTION_LOST, and whatever is no message PROTOCOL. Leaving the loop closes the connection, which stops the Engine's work.
 */
export async function* readMessages(stream: Readable, silence: number): AsyncGenerator<EngineMessage, void, undefined> {
  const decoder = new TextDecoder()
  const watchdog = setTimeout(() => {
    const hint = 'See what the daemon is waiting for in its log.'
    stream.destroy(new MirrorError('TIMEOUT', `the Docker Engine said nothing for ${Math.round(silence / 1000)} s`, { hint }))
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
    throw new MirrorError('CONNECTION_LOST', 'the Docker Engine broke off in the middle of its answer', {
      hint: 'The daemon may have been restarted or have crashed; see its log.',
      cause: error,
    })
  } finally {
    clearTimeout(watchdog)
    stream.destroy()
  }
}
