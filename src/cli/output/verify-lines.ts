import type { VerifiedImage, VerifyReport } from '../../report/verify-report.ts'
import { imageStatuses } from '../../verify/image-verdict.ts'
import { textLine } from './flags.ts'
import { formatBytes, formatCount, formatDuration } from './format-amount.ts'

/** Who serves an image: the endpoints, in their order. */
export function servedBy({ endpoints }: VerifiedImage): string {
  return endpoints
    .filter(({ status }) => status === 'serves' || status === 'serves-part')
    .map(({ url }) => url)
    .join(', ')
}

/** The endpoints that failed for images that others serve whole, one line for every reason; what failed otherwise is among the problems. */
export function endpointNotes({ images }: VerifyReport): readonly string[] {
  const groups = new Map<string, number>()
  for (const image of images.filter(({ status }) => status === 'ok')) {
    for (const { url, status, reason = '' } of image.endpoints) {
      if (status === 'failed') groups.set(`${url}: ${reason}`, (groups.get(`${url}: ${reason}`) ?? 0) + 1)
    }
  }
  return [...groups].map(([what, count]) => `${formatCount(count, 'image')} not from ${what}`)
}

/** A problem on one line, fit to be shown. */
export function formatProblem({ code, message }: VerifiedImage['problems'][number]): string {
  return `${textLine(message)} (${code})`
}

/** What was looked at: `registry.example.com/mirror, as a node with registries.yaml`. */
export function describeSubject({ destination, registries, asNode }: VerifyReport): string {
  if (!asNode) return `at ${destination ?? 'no destination'}`
  return `as a node with ${registries ?? 'no file'}${destination === null ? '' : `, compared with ${destination}`}`
}

/** `8 images: 7 ok, 1 incomplete`. */
export function describeCounts({ totals }: VerifyReport): string {
  const counts = imageStatuses
    .toReversed()
    .map((status) => [status, totals.statuses[status]] as const)
    .filter(([status, count]) => status === 'ok' || count > 0)
  return `${formatCount(totals.images, 'image')}: ${counts.map(([status, count]) => `${count} ${status}`).join(', ')}`
}

/** `31 manifests and 60 blobs (190 MB) found, in 1.2s with 120 requests`. */
export function describeEffort({ totals, deep }: VerifyReport): string {
  const { manifests, blobs, bytes, requests, seconds } = totals
  const what = `${formatCount(manifests, 'manifest')} and ${formatCount(blobs, 'blob')} (${formatBytes(bytes)})`
  return `${what} ${deep ? 'read and hashed' : 'found'}, in ${formatDuration(seconds * 1000)} with ${formatCount(requests, 'request')}`
}
