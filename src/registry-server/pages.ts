import { refusal, type Reply, type ReplyHeaders } from './reply.ts'

/** A page of names, and the Link header to the next one. */
export interface Page {
  readonly names: readonly string[]
  readonly headers: ReplyHeaders
}

/** Names in one answer at most, so that it stays in the range of a megabyte. */
const maxNames = 10_000

/** Cuts a page out of sorted names by the parameters `n` and `last`: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags */
export function pageOf(sorted: readonly string[], query: URLSearchParams, path: string): Page | Reply {
  const last = query.get('last')
  const n = query.get('n')
  if (n !== null && !/^[0-9]+$/.test(n))
    return refusal(400, { code: 'UNSUPPORTED', message: 'n is no whole number from 0 up', detail: { n: n.slice(0, 50) } })
  const rest = last === null ? sorted : sorted.filter((name) => name > last)
  const size = Math.min(n === null ? maxNames : Number(n), maxNames)
  const names = rest.slice(0, size)
  const end = names.at(-1)
  const contentType = { 'content-type': 'application/json; charset=utf-8' }
  if (end === undefined || names.length === rest.length) return { names, headers: contentType }
  const next = new URLSearchParams({ n: String(size), last: end })
  const ns = query.get('ns')
  if (ns !== null) next.set('ns', ns)
  return { names, headers: { ...contentType, link: `<${path}?${next.toString()}>; rel="next"` } }
}
