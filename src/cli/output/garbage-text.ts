import type { GarbageReport } from '../../layout/collect-garbage.ts'
import { safeLine } from '../../text/printable.ts'
import { formatBytes, formatCount, formatDuration } from './format-amount.ts'

const mostNamed = 20

/** `3 images (12 manifests), 34 blobs, 1.2 GB`. */
export function formatRemoved({ images, manifests, blobs, bytes }: GarbageReport['removed']): string {
  const parts = [`${formatCount(images.length, 'image')} (${formatCount(manifests, 'manifest')})`, formatCount(blobs, 'blob')]
  return `${parts.join(', ')}, ${formatBytes(bytes)}`
}

/** What a collection did, for people. Ends with a newline. */
export function formatGarbage(directory: string, report: GarbageReport): string {
  const { dryRun, removed, kept, storedBytes, unknownFiles, graceSeconds, byServer } = report
  const { images } = removed
  const done = dryRun ? 'would remove' : 'removed'
  const lines = images.slice(0, mostNamed).map((image) => `${done} ${safeLine(image)}`)
  if (images.length > mostNamed) lines.push(`${done} ${images.length - mostNamed} more`)
  const [hasRemoved, hasKept] = [removed.manifests + removed.blobs > 0, kept.manifests + kept.blobs > 0]
  if (hasRemoved) lines.push(`${done} ${formatRemoved(removed)}`)
  else lines.push(hasKept ? 'nothing to remove' : 'nothing to remove: a tag reaches everything')
  if (hasKept) {
    const what = `${formatCount(kept.manifests, 'manifest')} and ${formatCount(kept.blobs, 'blob')} (${formatBytes(kept.bytes)})`
    lines.push(`kept ${what} without a tag: in use within the last ${formatDuration(graceSeconds * 1000)}`)
  }
  for (const path of unknownFiles) lines.push(`kept ${safeLine(path)}, which is not part of the layout`)
  if (byServer && !dryRun) lines.push('the server that writes to the layout did this')
  lines.push(
    `${safeLine(directory)}: ${formatBytes(storedBytes.before)}${dryRun ? ' now' : ' before'}, ${formatBytes(storedBytes.after)} after`,
  )
  return `${lines.join('\n')}\n`
}
