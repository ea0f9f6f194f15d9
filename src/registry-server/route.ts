import { deleteBlob, getBlob } from './blobs.ts'
import { deleteManifest, getManifest } from './manifests.ts'
import { putManifest } from './put-manifest.ts'
import { listReferrers } from './referrers.ts'
import type { RegistryCall, WriteCall } from './registry-call.ts'
import type { Reply } from './reply.ts'
import { listRepositories, listTags } from './tags.ts'
import { cancelUpload, continueUpload, finishUpload, getUpload, startUpload } from './uploads.ts'

/** A path of the API: what may be done with it by reading, and what only on a server that may write. */
export interface Route {
  /** The repository name is the first group, the last part of the path the second. */
  readonly path: RegExp
  readonly reads: Readonly<Record<string, (call: RegistryCall) => Promise<Reply>>>
  readonly writes: Readonly<Record<string, (call: WriteCall) => Promise<Reply>>>
}

async function answerVersion(): Promise<Reply> {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: '{}' }
}

/** The distribution API: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints */
const routes: readonly Route[] = [
  { path: /^\/v2\/?$/, reads: { GET: answerVersion }, writes: {} },
  { path: /^\/v2\/_catalog$/, reads: { GET: listRepositories }, writes: {} },
  { path: /^\/v2\/(.+)\/tags\/list$/, reads: { GET: listTags }, writes: {} },
  { path: /^\/v2\/(.+)\/manifests\/([^/]+)$/, reads: { GET: getManifest }, writes: { PUT: putManifest, DELETE: deleteManifest } },
  { path: /^\/v2\/(.+)\/referrers\/([^/]+)$/, reads: { GET: listReferrers }, writes: {} },
  { path: /^\/v2\/(.+)\/blobs\/uploads\/?$/, reads: {}, writes: { POST: startUpload } },
  {
    path: /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/,
    reads: {},
    writes: { GET: getUpload, PATCH: continueUpload, PUT: finishUpload, DELETE: cancelUpload },
  },
  { path: /^\/v2\/(.+)\/blobs\/([^/]+)$/, reads: { GET: getBlob }, writes: { DELETE: deleteBlob } },
]

/** A route, and what its path names; both empty where the route has no such part. */
export interface RouteMatch {
  readonly route: Route
  readonly name: string
  readonly last: string
}

/** The route of a path; undefined where the API has none. */
export function findRoute(path: string): RouteMatch | undefined {
  for (const route of routes) {
    const match = route.path.exec(path)
    if (match !== null) return { route, name: match[1] ?? '', last: match[2] ?? '' }
  }
  return undefined
}
