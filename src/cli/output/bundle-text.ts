import type { ArchiveCheck } from '../../bundle/check-archive.ts'
import type { ArchiveInfo } from '../../bundle/describe-archive.ts'
import type { ArchiveFormat } from '../../bundle/image-archive.ts'
import type { SkippedEntry } from '../../layout/name-entries.ts'
import { safeLine } from '../../text/printable.ts'
import { textLine } from './flags.ts'
import { formatBytes, formatCount } from './format-amount.ts'
import { formatTable, type Column } from './plan-table.ts'
import type { Styles } from './styles.ts'

const mostNamed = 20

const formats: Readonly<Record<ArchiveFormat, string>> = {
  bundle: 'a bundle',
  'oci-layout': 'an OCI layout of another tool',
  'docker-save': 'written by docker save',
}

const columns: readonly Column<ArchiveInfo['images'][number]>[] = [
  { title: 'IMAGE', align: 'left', cell: ({ reference }) => reference },
  { title: 'SIZE', align: 'right', cell: ({ size }) => formatBytes(size) },
  { title: 'DIGEST', align: 'left', cell: ({ digest }) => digest.slice(0, 19) },
  { title: 'PLATFORMS', align: 'left', cell: ({ platforms }) => platforms.join(',') },
]

/** What is in an archive, for people: one line an image, then the lists and the totals. Ends with a newline. */
export function formatBundleInfo(info: ArchiveInfo, styles: Styles): string {
  const [titles = '', ...lines] = formatTable(columns, info.images)
  const lists = info.lists.map(
    ({ name, sha256, images }) => `${safeLine(name)}: ${formatCount(images, 'image')}, sha256 ${safeLine(sha256)}`,
  )
  const origin = info.tool === undefined ? formats[info.format] : `${info.digest ?? ''}, made by ${safeLine(info.tool)}`
  const total = `${formatCount(info.images.length, 'image')}, ${formatCount(info.blobs, 'blob')}, ${formatBytes(info.bytes)}; ${origin}`
  const { base, skipped = [] } = info
  const needs = base && `counts on an earlier bundle for ${formatCount(base.blobs, 'blob')}, ${formatBytes(base.bytes)}: ${base.bundle}`
  return `${[styles.strong(titles), ...lines, '', ...lists, ...skipped.map(formatSkipped), ...(needs === undefined ? [] : [needs]), styles.strong(total)].join('\n')}\n`
}

function formatSkipped({ entry, why }: SkippedEntry): string {
  return `skipped ${safeLine(entry)}: ${safeLine(why)}`
}

/** What a check of a bundle has found, for people: a line a problem, then the totals. Ends with a newline. */
export function formatBundleCheck(check: ArchiveCheck & { readonly file: string }, styles: Styles): string {
  const { blobs, parts, bytes, problems, skipped = [], file } = check
  const lines = problems.map(({ message, images }) => {
    const more = images.length - mostNamed
    const names = images.slice(0, mostNamed).map(safeLine).join(', ')
    const needers =
      images.length === 0 ? '' : `, which ${names}${more > 0 ? ` and ${more} more` : ''} need${images.length === 1 ? 's' : ''}`
    return `${styles.bad('problem:')} ${textLine(message)}${needers}`
  })
  const counts = [
    ...(parts === undefined ? [] : [formatCount(parts, 'part')]),
    ...(blobs === 0 && parts !== undefined ? [] : [formatCount(blobs, 'blob')]),
  ]
  const read = `${[...counts, formatBytes(bytes)].join(', ')} read and hashed`
  const verdict =
    problems.length === 0
      ? styles.good(`${safeLine(file)} is whole: ${read}`)
      : styles.bad(`${formatCount(problems.length, 'problem')}: ${read}`)
  return `${[...lines, ...skipped.map(formatSkipped), verdict].join('\n')}\n`
}
