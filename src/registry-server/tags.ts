import { pageOf } from './pages.ts'
import { repositoryUrl, type RegistryCall } from './registry-call.ts'
import { jsonReply, refusal, type Reply } from './reply.ts'

/** GET /v2/<name>/tags/list */
export async function listTags(call: RegistryCall): Promise<Reply> {
  const { layout, query, repository } = call
  if (!layout.knowsRepository(repository))
    return refusal(404, { code: 'NAME_UNKNOWN', message: 'repository name not known to registry', detail: { name: repository.path } })
  const page = pageOf(layout.tags(repository), query, `${repositoryUrl(call)}/tags/list`)
  return 'status' in page ? page : jsonReply({ name: repository.path, tags: page.names }, page.headers)
}

/** GET /v2/_catalog */
export async function listRepositories({ layout, query }: RegistryCall): Promise<Reply> {
  const paths = new Set(layout.repositories().map(({ path }) => path))
  const page = pageOf(
    [...paths].toSorted((a, b) => (a < b ? -1 : 1)),
    query,
    '/v2/_catalog',
  )
  return 'status' in page ? page : jsonReply({ repositories: page.names }, page.headers)
}
