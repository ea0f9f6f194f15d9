import type { RegistryState } from './exchange.ts'
import { metricsType, type Metrics } from './metrics.ts'
import { refusal, type Reply } from './reply.ts'

/** The path that is answered without a password: it says that the server runs, and nothing else. */
export const healthPath = '/healthz'

/** The path of a request, without its query. */
export function pathOf(url: string): string {
  const mark = url.indexOf('?')
  return mark === -1 ? url : url.slice(0, mark)
}

function answerHealth(): Reply {
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }, body: 'ok\n' }
}

function answerMetrics({ layout, sessions }: RegistryState, metrics: Metrics): Reply {
  const repositories = layout.repositories()
  const tags = repositories.reduce((sum, repository) => sum + layout.tags(repository).length, 0)
  const body = metrics.render({ uploads: sessions.size, repositories: repositories.length, tags })
  return { status: 200, headers: { 'content-type': metricsType, 'cache-control': 'no-store' }, body }
}

/** Answers `/healthz` and `/metrics` by GET and HEAD; undefined for every other path. */
export function answerOwnPath(state: RegistryState, metrics: Metrics, method: string, path: string): Reply | undefined {
  if (path !== healthPath && path !== '/metrics') return undefined
  if (method !== 'GET' && method !== 'HEAD')
    return refusal(405, { code: 'UNSUPPORTED', message: 'the operation is unsupported' }, { allow: 'GET, HEAD' })
  return path === healthPath ? answerHealth() : answerMetrics(state, metrics)
}
