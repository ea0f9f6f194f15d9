/** Each part of a path in a kit: no parent, no backslash, nothing that a shell or a URL gives another meaning except `+`; no dot at the end, which Windows removes. */
const kitPath = /^(?![.-])[\w.+-]*[\w+-](?:\/(?![.-])[\w.+-]*[\w+-])*$/

/** Names that are devices on Windows: https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file */
const deviceName = /(?:^|\/)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:[./]|$)/i

/** What a layout keeps for itself in the directory that files of kits are written to, in lower case for file systems that ignore it. */
const layoutPaths: ReadonlySet<string> = new Set(['blobs', 'index.json', 'oci-layout', 'k3s-mirror.json', 'k3s-mirror-kit.json'])

/** Characters of the longest path. */
const mostCharacters = 1000

/** True for a path that a file of a kit may have. */
export function isKitPath(path: string): boolean {
  return (
    path.length <= mostCharacters &&
    kitPath.test(path) &&
    !deviceName.test(path) &&
    !layoutPaths.has(path.replace(/\/.*$/, '').toLowerCase())
  )
}

/** Two of these paths that no directory can have together, on file systems that ignore case too: equal ones, and a file where another path has a directory. */
export function conflictOf(paths: Iterable<string>): readonly [string, string] | undefined {
  const known = new Map<string, string>()
  const all = [...paths]
  for (const path of all) {
    const other = known.get(path.toLowerCase())
    if (other !== undefined) return [other, path]
    known.set(path.toLowerCase(), path)
  }
  for (const path of all) {
    const lower = path.toLowerCase()
    for (let end = lower.lastIndexOf('/'); end > 0; end = lower.lastIndexOf('/', end - 1)) {
      const other = known.get(lower.slice(0, end))
      if (other !== undefined) return [other, path]
    }
  }
  return undefined
}
