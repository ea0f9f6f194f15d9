import type { IncomingMessage } from 'node:http'
import type { LayoutReader } from '../layout/layout.ts'
import { isRepositoryPath, type Repository } from '../oci/reference.ts'
import { deleteBlob, sendBlob } from './blobs.ts'
import { deleteManifest, sendManifest } from './manifests.ts'
import { pathOf } from './own-paths.ts'
import { receiveManifest } from './put-manifest.ts'
import { listReferrers } from './referrers.ts'
import type { RegistryCall, RegistryState, WriteCall } from './registry-call.ts'
import { Refusal, type Reply } from './reply.ts'
import { listRepositories, sendTags } from './tags.ts'
import { cancelUpload, continueUpload, finishUpload, getUpload, startUpload } from './uploads.ts'

/** A path of the API, with the methods that read and those that require a writable server. */
interface Route {
  /** The repository name is the first group, the last segment of the path the second. */
  readonly path: RegExp
  readonly reads: Readonly<Record<string, (call: RegistryCall) => Promise<Reply>>>
  readonly writes: Readonly<Record<string, (call: WriteCall) => Promise<Reply>>>
}

const getVersion = async (): Promise<Reply> => ({ status: 200, headers: { 'content-type': 'application/json' }, body: '{}' })

/** The distribution API: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints */
const routes: readonly Route[] = [
  { path: /^\/v2\/?$/, reads: { GET: getVersion }, writes: {} },
  { path: /^\/v2\/_catalog$/, reads: { GET: listRepositories }, writes: {} },
  { path: /^\/v2\/(.+)\/tags\/list$/, reads: { GET: sendTags }, writes: {} },
  { path: /^\/v2\/(.+)\/manifests\/([^/]+)$/, reads: { GET: sendManifest }, writes: { PUT: receiveManifest, DELETE: deleteManifest } },
  { path: /^\/v2\/(.+)\/referrers\/([^/]+)$/, reads: { GET: listReferrers }, writes: {} },
  { path: /^\/v2\/(.+)\/blobs\/uploads\/?$/, reads: {}, writes: { POST: startUpload } },
  {
    path: /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/,
    reads: {},
    writes: { GET: getUpload, PATCH: continueUpload, PUT: finishUpload, DELETE: cancelUpload },
  },
  { path: /^\/v2\/(.+)\/blobs\/([^/]+)$/, reads: { GET: sendBlob }, writes: { DELETE: deleteBlob } },
]

const maxUrlCharacters = 8192

/** The route of a path with its name and last segment, which are empty for routes without them; undefined for an unknown path. */
export function findRoute(path: string): { readonly route: Route; readonly name: string; readonly last: string } | undefined {
  for (const route of routes) {
    const match = route.path.exec(path)
    if (match !== null) return { route, name: match[1] ?? '', last: match[2] ?? '' }
  }
  return undefined
}

/** Parses the path, checks the name and runs the route. Throws Refusal. */
export async function routeRequest(state: RegistryState, request: IncomingMessage): Promise<Reply> {
  const { url = '', method = 'GET' } = request
  if (url.length > maxUrlCharacters) throw new Refusal(414, { code: 'NAME_INVALID', message: 'the path is too long' })
  const path = pathOf(url)
  // Every segment is checked after decoding, so that an encoded slash or dot cannot bypass the check.
  const match = findRoute(decoded(path))
  if (match === undefined) throw new Refusal(404, { code: 'NAME_UNKNOWN', message: 'there is nothing at this path' })
  const { route, name, last } = match
  if (name !== '' && !isRepositoryPath(name))
    throw new Refusal(400, { code: 'NAME_INVALID', message: 'invalid repository name', detail: { name: name.slice(0, 300) } })

  const query = new URLSearchParams(url.slice(path.length + 1))
  const ns = query.get('ns')
  const repository = findRepository(state.layout, name, ns, state.registry)
  const call = { ...state, request, method, query, repository, repositoryUrl: `/v2/${name}`, last }
  const reply = await runRoute(route, call).catch((error: unknown) => (error instanceof Refusal ? error : Promise.reject(error)))
  if (ns === null || !state.layout.hasRepository({ registry: ns, path: name })) return reply
  const { status, headers, body } = reply
  return { status, headers: { ...headers, 'oci-namespace': ns }, ...(body !== undefined && { body }) }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw new Refusal(400, { code: 'NAME_INVALID', message: 'the path is not encoded correctly' })
  }
}

/** The repository of a path: in the registry that containerd names (`?ns=docker.io`), else a pushed one; without `ns` the first one of any registry. */
function findRepository(layout: LayoutReader, path: string, ns: string | null, registry: string): Repository {
  const own = { registry, path }
  if (ns !== null && layout.hasRepository({ registry: ns, path })) return { registry: ns, path }
  if (ns !== null || layout.hasRepository(own)) return own
  const others = layout.repositories().filter((repository) => repository.path === path)
  return others.toSorted((a, b) => (a.registry < b.registry ? -1 : 1))[0] ?? own
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
      // A failure because another process took over the layout gets its own reply.
      if (!(error instanceof Refusal)) await writable.confirm()
      throw error
    }
  }
  const methods = Object.keys({ ...route.reads, ...(writable !== undefined && route.writes) })
  const allow = methods.flatMap((allowed) => (allowed === 'GET' && 'GET' in route.reads ? ['GET', 'HEAD'] : [allowed])).join(', ')
  const message = write === undefined ? 'the operation is unsupported' : 'this registry is read-only'
  throw new Refusal(405, { code: 'UNSUPPORTED', message }, { allow })
}
