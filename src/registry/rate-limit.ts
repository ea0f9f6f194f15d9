import type { ResponseHeaders } from '../http/message.ts'

/** A registry's pull quota as its last answer stated it. */
export interface PullQuota {
  readonly limit: number
  readonly remaining: number
  readonly windowSeconds: number
}

/** Reads Docker Hub's `ratelimit-limit: 100;w=21600` and `ratelimit-remaining`: https://docs.docker.com/docker-hub/usage/pulls/ */
export function parseRateLimit(headers: ResponseHeaders): PullQuota | undefined {
  const [, limit, window] = /^(\d{1,9})(?:;w=(\d{1,9}))?$/.exec(headers.get('ratelimit-limit') ?? '') ?? []
  const [, remaining] = /^(\d{1,9})(?:;.*)?$/.exec(headers.get('ratelimit-remaining') ?? '') ?? []
  if (limit === undefined || remaining === undefined) return undefined
  return { limit: Number(limit), remaining: Number(remaining), windowSeconds: Number(window ?? 0) }
}
