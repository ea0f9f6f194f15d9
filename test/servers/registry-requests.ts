/** One request as a registry saw it. */
export interface RegistryRequest {
  readonly method: string
  /** Path and query as they were sent: `/v2/rancher/x/manifests/1?ns=docker.io`. */
  readonly target: string
  readonly status: number
  /** The user of the request, or with status 401 the user whose password was refused; undefined for anonymous requests and for `/v2/`. */
  readonly user: string | undefined
}

/** What a log says so far. */
export interface RequestsSoFar {
  /** In the order in which they came in. */
  readonly requests: readonly RegistryRequest[]
  /** How many have begun and not ended; these are not among `requests`. */
  readonly open: number
}

interface Line {
  readonly 'http.request.id'?: string
  readonly 'http.request.method'?: string
  readonly 'http.request.uri'?: string
  readonly 'http.response.status'?: number
  readonly 'auth.user.name'?: string
  readonly msg?: string
}

interface Seen {
  readonly method: string
  readonly target: string
  user: string | undefined
  status: number | undefined
}

/** Reads the log of distribution 2.8 at level debug in JSON, where each request has an id; other lines are skipped. */
export function readRequests(lines: readonly string[]): RequestsSoFar {
  const byId = new Map<string, Seen>()
  for (const text of lines) {
    if (!text.startsWith('{') || !text.endsWith('}')) continue
    const line = JSON.parse(text) as Line
    const id = line['http.request.id']
    if (id === undefined) continue
    const seen = byId.get(id) ?? {
      method: line['http.request.method'] ?? '',
      target: line['http.request.uri'] ?? '',
      user: undefined,
      status: undefined,
    }
    byId.set(id, seen)
    seen.user = line['auth.user.name'] ?? /^error authenticating user "(.*?)": /.exec(line.msg ?? '')?.[1] ?? seen.user
    // a refused request has no line of its own for the end
    seen.status = line['http.response.status'] ?? (line.msg?.startsWith('error authorizing context: ') === true ? 401 : seen.status)
  }
  const requests = [...byId.values()].flatMap(({ status, ...rest }) => (status === undefined ? [] : [{ ...rest, status }]))
  return { requests, open: byId.size - requests.length }
}
