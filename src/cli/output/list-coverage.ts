import type { SelectedList } from '../../release/image-list.ts'

const checksums: Readonly<Record<SelectedList['coverage'], string | undefined>> = {
  'checksum-file': "the release's sha256sum-amd64.txt",
  'release-api': "the digest in the release's API",
  pinned: '--list-sha256',
  none: undefined,
}

/** What a list's checksum was compared with; undefined for a list without a checksum. */
export function formatCoverage({ name, coverage }: Pick<SelectedList, 'name' | 'coverage'>): string | undefined {
  const checksum = checksums[coverage]
  return checksum && `${name}: the list matches ${checksum}`
}

/** A line for each list whose checksum was compared. */
export function coverageLines(lists: readonly Pick<SelectedList, 'name' | 'coverage'>[]): readonly string[] {
  return lists.flatMap((list) => formatCoverage(list) ?? [])
}
