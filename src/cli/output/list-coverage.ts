import type { SelectedList } from '../../release/image-list.ts'

/** A line on how far a release's list can be trusted; undefined for a list of the user's own, which nobody published a checksum for. */
export function formatCoverage({ name, sha256, coverage, release }: SelectedList): string | undefined {
  switch (coverage) {
    case 'checksum-file':
      return `${name}: the list matches the release's sha256sum-amd64.txt`
    case 'release-api':
      return `${name}: the list matches the digest in the release's API`
    case 'pinned':
      return `${name}: the list matches --list-sha256`
    case 'none':
      return release === undefined ? undefined : `${name}: no checksum covers the list; its sha256 is ${sha256} (pin it with --list-sha256)`
  }
}
