import { unknownRepository, type RegistryCall } from './registry-call.ts'
import { jsonReply, Refusal, type Reply, type ReplyHeaders } from './reply.ts'

/** Most names of one response, which keeps it near a megabyte. */
const maxNames = 10_000

/** The sorted names that `n` and `last` select, with the Link header: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags */
export function paginate(
  sorted: readonly string[],
  query: URLSearchParams,
  path: string,
): { readonly names: readonly string[]; readonly headers: ReplyHeaders } {
  const last = query.get('last')
  const n = query.get('n')
  if (n !== null && !/^[0-9]+$/.test(n))
    throw new Refusal(400, { code: 'UNSUPPORTED', message: 'n must be a whole number of at least 0', detail: { n: n.slice(0, 50) } })
  const rest = last === null ? sorted : sorted.filter((name) => name > last)
  const size = Math.min(n === null ? maxNames : Number(n), maxNames)
  const names = rest.slice(0, size)
  const end = names.at(-1)
  if (end === undefined || names.length === rest.length) return { names, headers: {} }
  const next = new URLSearchParams({ n: String(size), last: end })
  const ns = query.get('ns')
  if (ns !== null) next.set('ns', ns)
  return { names, headers: { link: `<${path}?${next.toString()}>; rel="next"` } }
}

/** GET /v2/<name>/tags/list */
export async function sendTags({ layout, query, repository, repositoryUrl }: RegistryCall): Promise<Reply> {
  if (!layout.knowsRepository(repository)) throw unknownRepository(repository)
  const { names, headers } = paginate(layout.tags(repository), query, `${repositoryUrl}/tags/list`)
  return jsonReply({ name: repository.path, tags: names }, headers)
}

/** GET /v2/_catalog */
export async function listRepositories({ layout, query }: RegistryCall): Promise<Reply> {
  const paths = new Set(layout.repositories().map(({ path }) => path))
  const sorted = [...paths].toSorted((a, b) => (a < b ? -1 : 1))
  const { names, headers } = paginate(sorted, query, '/v2/_catalog')
  return jsonReply({ repositories: names }, headers)
}
