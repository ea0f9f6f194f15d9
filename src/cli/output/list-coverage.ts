import type { SelectedList } from '../../release/image-list.ts'

/** A line on what vouches for each list; none where nothing does, which is a warning where somebody should. */
export function coverageLines(lists: readonly Pick<SelectedList, 'name' | 'coverage'>[]): readonly string[] {
  return lists.flatMap((list) => formatCoverage(list) ?? [])
}

/** The same of one list. */
export function formatCoverage({ name, coverage }: Pick<SelectedList, 'name' | 'coverage'>): string | undefined {
  switch (coverage) {
    case 'checksum-file':
      return `${name}: the list matches the release's sha256sum-amd64.txt`
    case 'release-api':
      return `${name}: the list matches the digest in the release's API`
    case 'pinned':
      return `${name}: the list matches --list-sha256`
    case 'none':
      return undefined
  }
}
