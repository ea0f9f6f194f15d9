import type { HttpMethod } from '../http/message.ts'

/** What stores no more: the disk of the whole registry, or the quota of a project, an organisation or a user. */
export type StorageLimit = 'disk' | 'quota'

/** Bytes of a body that are searched. */
const searchedBytes = 64 * 1024

/** 28 is ENOSPC and 122 EDQUOT, as distribution writes an error of its disk: https://github.com/distribution/distribution/blob/v2.8.3/registry/storage/driver/storagedriver.go */
const fullDisk =
  /no space left on device|disk quota exceeded|"Err":\s*(?:28|122)\b|\bENOSPC\b|\bEDQUOT\b|(?:not enough|insufficient) (?:disk |storage )?space|disk (?:is )?full|XMinioStorageFull/i

/** Statuses that mean something else, whatever the text. */
const otherStatuses = new Set([401, 404, 429])

/** Harbor names no quota: https://github.com/goharbor/harbor/blob/v2.13.0/src/pkg/quota/types/resources.go */
const usedQuota = /\bquota\b|exceed the configured upper limit/i

/** The limit that a refused request has met; undefined for another refusal. */
export function storageLimit(status: number, method: HttpMethod, body: Uint8Array): StorageLimit | undefined {
  if (otherStatuses.has(status)) return undefined
  const text = Buffer.from(body.buffer, body.byteOffset, Math.min(body.length, searchedBytes)).toString('latin1')
  // A quota on reading is one of requests.
  if (method !== 'GET' && method !== 'HEAD' && usedQuota.test(text)) return 'quota'
  return status === 507 || fullDisk.test(text) ? 'disk' : undefined
}
