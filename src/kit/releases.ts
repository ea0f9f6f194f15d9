import type { KitFile } from '../bundle/bundle-record.ts'
import { compareVersions, readVersion, type K3sVersion } from '../release/version.ts'

/** The releases whose files these are, newest first. */
export function kitReleases(files: readonly KitFile[]): readonly string[] {
  const found = new Map<string, K3sVersion>()
  for (const { path } of files) {
    const tag = /^k3s\/([^/]+)\//.exec(path)?.[1] ?? ''
    const version = readVersion(tag)
    if (version !== undefined) found.set(tag, version)
  }
  return [...found].toSorted(([, a], [, b]) => compareVersions(b, a)).map(([tag]) => tag)
}

/** The newest of these releases by K3s' channels: `stable` and `latest` without pre-releases, `testing` with them, and `v1.37` for each minor version. */
export function channelsOf(files: readonly KitFile[]): ReadonlyMap<string, string> {
  const channels = new Map<string, string>()
  const lead = (name: string, tag: string): void => void (channels.has(name) || channels.set(name, tag))
  for (const tag of kitReleases(files)) {
    const version = readVersion(tag)
    lead('testing', tag)
    if (version === undefined || version.preRelease !== undefined) continue
    for (const name of ['stable', 'latest', `v${version.major}.${version.minor}`]) lead(name, tag)
  }
  return channels
}
