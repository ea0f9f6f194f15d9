/** What a request to a registry is for: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints */
export type RequestKind =
  | 'ping'
  | 'manifest-head'
  | 'manifest-get'
  | 'manifest-put'
  | 'blob-head'
  | 'blob-get'
  | 'mount'
  | 'upload-post'
  | 'upload-patch'
  | 'upload-put'
  | 'upload-delete'
  | 'tags'
  | 'other'

/** Names a request by its method and its path with query. */
export function requestKind(method: string, path: string): RequestKind {
  const [route = '', query = ''] = path.split('?')
  if (/^\/v2\/?$/.test(route)) return 'ping'
  if (route.endsWith('/tags/list')) return 'tags'
  if (/\/manifests\/[^/]+$/.test(route)) return among(['manifest-head', 'manifest-get', 'manifest-put'], method)
  if (/\/blobs\/uploads\//.test(route)) {
    if (method === 'POST' && new URLSearchParams(query).has('mount')) return 'mount'
    return among(['upload-post', 'upload-patch', 'upload-put', 'upload-delete'], method)
  }
  if (/\/blobs\/[^/]+$/.test(route)) return among(['blob-head', 'blob-get'], method)
  return 'other'
}

function among(kinds: readonly RequestKind[], method: string): RequestKind {
  return kinds.find((kind) => kind.endsWith(`-${method.toLowerCase()}`)) ?? 'other'
}
