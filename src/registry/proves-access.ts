import type { Answer } from './auth/origin-access.ts'

/** True for an answer that proves a registry which accepts this client: it is about content, and not about credentials. `codes` are those of its body. */
export function provesAccess({ status, headers }: Pick<Answer, 'status' | 'headers'>, codes: readonly string[] = []): boolean {
  if (status === 201 || status === 202) return true
  if (status === 401 || status === 403 || status === 429 || status >= 500) return false
  return codes.length > 0 || ['docker-distribution-api-version', 'docker-content-digest'].some((name) => headers.get(name) !== undefined)
}
