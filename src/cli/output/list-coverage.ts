import type { SelectedList } from '../../release/image-list.ts'

const witnesses: Readonly<Record<SelectedList['coverage'], string | undefined>> = {
  'checksum-file': "the release's sha256sum-amd64.txt",
  'release-api': "the digest in the release's API",
  pinned: '--list-sha256',
  none: undefined,
}

/** What vouches for a list; undefined where nothing does, which is a warning where somebody should. */
export function formatCoverage({ name, coverage }: Pick<SelectedList, 'name' | 'coverage'>): string | undefined {
  const witness = witnesses[coverage]
  return witness && `${name}: the list matches ${witness}`
}

/** A line on each list that something vouches for. */
export function coverageLines(lists: readonly Pick<SelectedList, 'name' | 'coverage'>[]): readonly string[] {
  return lists.flatMap((list) => formatCoverage(list) ?? [])
}
