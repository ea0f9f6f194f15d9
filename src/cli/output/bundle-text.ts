import type { KitFile } from '../../bundle/bundle-record.ts'
import type { ArchiveCheck } from '../../bundle/check-archive.ts'
import type { ArchiveInfo } from '../../bundle/describe-archive.ts'
import type { ArchiveFormat } from '../../bundle/image-archive.ts'
import type { SkippedEntry } from '../../layout/name-entries.ts'
import { safeLine } from '../../text/printable.ts'
import { textLine } from './flags.ts'
import { formatBytes, formatCount } from './format-amount.ts'
import { formatTable, type Column } from './format-table.ts'
import type { Styles } from './styles.ts'

const mostNamed = 20

const formats: Readonly<Record<ArchiveFormat, string>> = {
  bundle: 'a bundle',
  'oci-layout': 'an OCI layout',
  'docker-save': 'an archive of docker save',
}

/** The columns of an archive; of one that needs a base bundle the sizes are only of what this file adds. */
function columnsFor({ base }: ArchiveInfo): readonly Column<ArchiveInfo['images'][number]>[] {
  return [
    { title: 'IMAGE', align: 'left', cell: ({ reference }) => reference, isName: true },
    { title: base === undefined ? 'SIZE' : 'IN THIS FILE', align: 'right', cell: ({ size }) => formatBytes(size) },
    { title: 'DIGEST', align: 'left', cell: ({ digest }) => digest.slice(0, 19) },
    { title: 'PLATFORMS', align: 'left', cell: ({ platforms }) => platforms.join(','), isOptional: true },
  ]
}

const fileColumns: readonly Column<KitFile>[] = [
  { title: 'FILE', align: 'left', cell: ({ path }) => path, isName: true },
  { title: 'SIZE', align: 'right', cell: ({ size }) => formatBytes(size) },
  { title: 'SHA256', align: 'left', cell: ({ digest }) => digest.slice('sha256:'.length, 'sha256:'.length + 12) },
]

/** The files of a kit, one a line; no line for other archives. */
function fileLines({ files }: ArchiveInfo, styles: Styles): readonly string[] {
  if (files === undefined) return []
  const [titles = '', ...rows] = formatTable(fileColumns, files, { width: styles.width })
  return [styles.strong(titles), ...rows, '']
}

/** The contents of an archive, for people: one line per file of a kit and per image, then the lists and the totals. Ends with a newline. */
export function formatBundleInfo(info: ArchiveInfo, styles: Styles): string {
  const { base, files, skipped = [], tool, digest = '' } = info
  const [titles = '', ...rows] = formatTable(columnsFor(info), info.images, { width: styles.width })
  const lists = info.lists.map(
    ({ name, sha256, images }) => `list: ${safeLine(name)}, ${formatCount(images, 'image')}, sha256:${safeLine(sha256)}`,
  )
  const origin = tool === undefined ? [`format: ${formats[info.format]}`] : [`bundle: ${digest}`, `created by: ${safeLine(tool)}`]
  const needs = base && [
    `base: ${base.bundle}`,
    `needs ${formatCount(base.blobs, 'blob')} of the base bundle, ${formatBytes(base.bytes)}`,
    ...(base.files ?? []).map(({ path }) => `needs ${path} of the base kit`),
  ]
  const held =
    files === undefined ? '' : `${formatCount(files.length, 'file')}, ${formatBytes(files.reduce((sum, { size }) => sum + size, 0))}; `
  const total = `${held}${formatCount(info.images.length, 'image')}, ${formatCount(info.blobs, 'blob')}, ${formatBytes(info.bytes)}`
  const lines = [
    ...fileLines(info, styles),
    styles.strong(titles),
    ...rows,
    '',
    ...lists,
    ...skipped.map(formatSkipped),
    ...origin,
    ...(needs ?? []),
    styles.strong(total),
  ]
  return `${lines.join('\n')}\n`
}

function formatSkipped({ entry, why }: SkippedEntry): string {
  return `skipped ${safeLine(entry)}: ${safeLine(why)}`
}

function formatNeeders(images: readonly string[]): string {
  if (images.length === 0) return ''
  const more = images.length - mostNamed
  return `; needed by ${images.slice(0, mostNamed).map(safeLine).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** The findings of a check of an archive, for people: one line per problem, then the totals. Ends with a newline. */
export function formatBundleCheck(check: ArchiveCheck & { readonly file: string }, styles: Styles): string {
  const { blobs, files, parts, bytes, problems, skipped = [], file } = check
  const lines = problems.map(({ message, images }) => `${styles.bad('problem:')} ${textLine(message)}${formatNeeders(images)}`)
  const counts = [
    ...(parts === undefined ? [] : [formatCount(parts, 'part')]),
    ...(files === undefined ? [] : [formatCount(files, 'file')]),
    ...(blobs === 0 && parts !== undefined ? [] : [formatCount(blobs, 'blob')]),
  ]
  const read = `read and hashed ${[...counts, formatBytes(bytes)].join(', ')}`
  const verdict =
    problems.length === 0
      ? styles.good(`${safeLine(file)} is intact: ${read}`)
      : styles.bad(`${formatCount(problems.length, 'problem')} in ${safeLine(file)}: ${read}`)
  return `${[...lines, ...skipped.map(formatSkipped), verdict].join('\n')}\n`
}
