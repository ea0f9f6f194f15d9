import type { IncomingMessage } from 'node:http'
import { isMirrorError } from '../errors.ts'
import { errnoOf, isDiskFull } from '../layout/local-io.ts'
import { isRepositoryPath } from '../oci/reference.ts'
import { findRepository, type RegistryCall, type RegistryState } from './registry-call.ts'
import { refusal, type Reply } from './reply.ts'
import { findRoute, type Route, type RouteMatch } from './route.ts'

const maxUrlCharacters = 8192

/** Takes the path apart, checks the name, and lets the route answer. */
export async function answer(state: RegistryState, request: IncomingMessage): Promise<Reply> {
  const url = request.url ?? ''
  if (url.length > maxUrlCharacters) return refusal(414, { code: 'NAME_INVALID', message: 'the path is too long' })
  const mark = url.indexOf('?')
  let match: RouteMatch | undefined
  try {
    // Every part is held against its grammar after decoding, so that an encoded slash or dot gains nothing.
    match = findRoute(decodeURIComponent(mark === -1 ? url : url.slice(0, mark)))
  } catch {
    return refusal(400, { code: 'NAME_INVALID', message: 'the path is not encoded correctly' })
  }
  if (match === undefined) return refusal(404, { code: 'NAME_UNKNOWN', message: 'there is nothing at this path' })
  const { route, name, last } = match
  if (name !== '' && !isRepositoryPath(name))
    return refusal(400, { code: 'NAME_INVALID', message: 'invalid repository name', detail: { name: name.slice(0, 300) } })

  const method = request.method ?? 'GET'
  const query = new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1))
  const ns = query.get('ns')
  const repository = findRepository(state.layout, name, ns, state.registry)
  const reply = await runRoute(route, { ...state, request, method, query, repository, last })
  return ns !== null && state.layout.hasRepository({ registry: ns, path: name })
    ? { ...reply, headers: { ...reply.headers, 'oci-namespace': ns } }
    : reply
}

async function runRoute(route: Route, call: RegistryCall): Promise<Reply> {
  const { method, writable } = call
  const read = route.reads[method === 'HEAD' ? 'GET' : method]
  if (read !== undefined) return read(call)
  const write = route.writes[method]
  if (write !== undefined && writable !== undefined) {
    try {
      writable.lost.throwIfAborted()
      return await write({ ...call, writable })
    } catch (error) {
      // What fails because another process has taken over is answered so.
      await writable.confirm()
      throw error
    }
  }
  const methods = Object.keys({ ...route.reads, ...(writable !== undefined && route.writes) })
  const allow = methods.flatMap((allowed) => (allowed === 'GET' && 'GET' in route.reads ? ['GET', 'HEAD'] : [allowed])).join(', ')
  return refusal(
    405,
    { code: 'UNSUPPORTED', message: write === undefined ? 'the operation is unsupported' : 'this registry is read-only' },
    { allow },
  )
}

/** What logs and metrics say of a request that its client broke off, as nginx does; nobody is there to read it. */
const clientWentAway = 499

/** The answer to what went wrong in the registry itself; paths of its machine are not told. */
export function answerFailure(error: unknown): Reply {
  if (isMirrorError(error) && error.code === 'CANCELLED')
    return refusal(clientWentAway, { code: 'UNKNOWN', message: 'the client went away before the end of its request' })
  if (isMirrorError(error) && error.code === 'LAYOUT_LOCKED')
    return refusal(503, {
      code: 'UNKNOWN',
      message: 'another process took over the layout of this registry, which no longer accepts writes',
    })
  if (isMirrorError(error) && error.code === 'NO_SPACE')
    return refusal(507, { code: 'UNKNOWN', message: 'the registry has no room for more tags' })
  const errno = isMirrorError(error) && error.code === 'LOCAL_IO' ? errnoOf(error.cause) : undefined
  if (errno !== undefined && isDiskFull(error))
    return refusal(507, { code: 'UNKNOWN', message: 'the registry has no space left on its disk' })
  if (errno === 'EMFILE' || errno === 'ENFILE')
    return refusal(503, { code: 'UNKNOWN', message: 'the registry has too many files open' }, { 'retry-after': 1 })
  if (errno !== undefined) return refusal(500, { code: 'UNKNOWN', message: `the registry cannot use its disk (${errno})` })
  if (isMirrorError(error) && error.code === 'INTEGRITY')
    return refusal(500, { code: 'UNKNOWN', message: 'the content is damaged on the disk of the registry' })
  return refusal(500, { code: 'UNKNOWN', message: 'the registry could not answer' })
}
