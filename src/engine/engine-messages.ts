import type { Readable } from 'node:stream'
import { MirrorError } from '../errors.ts'
import { isJsonObject } from '../oci/json-object.ts'

/**
 * One line of an Engine's answer to a pull or a push, in bytes where it counts:
 * https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageCreate
 */
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

/** Options of readMessages. */
export interface ReadMessagesOptions {
  /** Milliseconds in which something has to come. */
  readonly silence: number
}

/** Characters that one line may have. */
const maxLine = 1024 * 1024

/** A count of bytes; an Engine writes `{}` where it has none. */
function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}

/** `errorDetail` is the present form and `error` the older one; either may stand alone. */
function errorOf({ errorDetail, error }: Readonly<Record<string, unknown>>): string | undefined {
  const detail = isJsonObject(errorDetail) ? errorDetail['message'] : undefined
  if (typeof detail === 'string' && detail !== '') return detail
  if (typeof error === 'string' && error !== '') return error
  return errorDetail === undefined && error === undefined ? undefined : 'the Engine names no reason'
}

/** Reads one line; throws PROTOCOL for one that is no JSON object. */
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
 * The messages of a stream, each a line of JSON; the last one may lack its end. A stream that is silent for too long throws TIMEOUT,
 * one that is cut CONNECTION_LOST, and whatever is no message PROTOCOL. Leaving the loop closes the connection, which stops the Engine's work.
 */
export async function* readMessages(stream: Readable, { silence }: ReadMessagesOptions): AsyncGenerator<EngineMessage, void, undefined> {
  const decoder = new TextDecoder()
  const watchdog = setTimeout(() => {
    const waited = `${Math.round(silence / 1000)} s`
    stream.destroy(
      new MirrorError('TIMEOUT', `the Docker Engine said nothing for ${waited}`, {
        hint: 'See what the daemon is waiting for in its log.',
      }),
    )
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
