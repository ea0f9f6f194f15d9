import type { SelectedList } from '../../release/image-list.ts'
import { formatCount } from './format-amount.ts'

const checksums: Readonly<Record<SelectedList['coverage'], string | undefined>> = {
  'checksum-file': "the release's sha256sum-amd64.txt",
  'release-api': "the digest in the release's API",
  pinned: '--list-sha256',
  none: undefined,
}

/** A list for people: what its checksum was compared with, or that it is a manifest or an upgrade image; undefined for a list without a checksum. */
export function formatCoverage({
  name,
  kind,
  coverage,
  images,
}: Pick<SelectedList, 'name' | 'kind' | 'coverage' | 'images'>): string | undefined {
  if (kind === 'manifest') return `${name}: ${formatCount(images, 'image')} in the Kubernetes manifest`
  if (kind === 'upgrade-images') return `${name}: ${formatCount(images, 'image')} added`
  const checksum = checksums[coverage]
  return checksum && `${name}: the list matches ${checksum}`
}

/** A line for each list that has one. */
export function coverageLines(lists: readonly Parameters<typeof formatCoverage>[0][]): readonly string[] {
  return lists.flatMap((list) => formatCoverage(list) ?? [])
}
