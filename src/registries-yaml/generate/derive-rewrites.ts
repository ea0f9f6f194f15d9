/** A repository's path in the reference and at the destination. */
interface RenamedPath {
  readonly from: string
  readonly to: string
}

type Rewrites = ReadonlyMap<string, string>

const lastPart = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
/** With the slash at its end; empty for a path of one part. */
const directoryOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1)

/** A path as a pattern. Only the dot needs escaping, and a backslash would break the hosts.toml that K3s writes. */
function literally(path: string): string {
  return path.replaceAll('.', '[.]')
}

/** The parts of both paths before their longest common ending. */
function changedHeads({ from, to }: RenamedPath): RenamedPath {
  const [left, right] = [from.split('/'), to.split('/')]
  while (left.length > 0 && right.length > 0 && left.at(-1) === right.at(-1)) {
    left.pop()
    right.pop()
  }
  const [head, other] = [left, right].map((parts) => parts.map((name) => `${name}/`).join(''))
  return { from: head ?? '', to: other ?? '' }
}

/** One head replaced by another in every path; undefined where the paths differ in more than that. */
function headReplaced(paths: readonly RenamedPath[]): Rewrites | undefined {
  const [first, ...others] = paths.map(changedHeads)
  // In a path without a tail the group would match nothing.
  if (first === undefined || paths.some(({ from }) => from.length < first.from.length)) return undefined
  if (others.some(({ from, to }) => from !== first.from || to !== first.to)) return undefined
  return new Map([[`^${literally(first.from)}(.*)$`, `${first.to}$1`]])
}

/** Only the last part is kept, behind at most one prefix; undefined where the paths changed in another way. */
function flattened(paths: readonly RenamedPath[]): Rewrites | undefined {
  const [first] = paths
  if (first === undefined) return undefined
  const prefix = directoryOf(first.to)
  if (paths.some(({ from, to }) => to !== `${prefix}${lastPart(from)}`)) return undefined
  return new Map([['^(?:.*/)?([^/]+)$', `${prefix}$1`]])
}

/** Patterns that never match the same path twice: one for a directory whose images all moved alike, otherwise one for each image. */
function separately(paths: readonly RenamedPath[]): Rewrites {
  const directories = new Map<string, RenamedPath[]>()
  for (const path of paths) {
    const directory = directoryOf(path.from)
    const members = directories.get(directory) ?? []
    members.push(path)
    directories.set(directory, members)
  }
  const rewrites = new Map<string, string>()
  for (const [directory, members] of directories) {
    const targets = new Set(members.map(({ from, to }) => (lastPart(from) === lastPart(to) ? directoryOf(to) : undefined)))
    const [target] = targets
    if (targets.size === 1 && target !== undefined && members.length > 1) {
      if (target !== directory) rewrites.set(`^${literally(directory)}([^/]+)$`, `${target}$1`)
    } else {
      for (const { from, to } of members) if (from !== to) rewrites.set(`^${literally(from)}$`, to)
    }
  }
  return rewrites
}

/** The rewrites that give every path its name at the destination: no two match one path, and they contain no quotes and no backslashes. With `flatten` a rewrite that keeps only the last part is preferred. */
export function deriveRewrites(paths: readonly RenamedPath[], flatten: boolean = false): Rewrites {
  if (paths.every(({ from, to }) => from === to)) return new Map()
  const found = flatten ? (flattened(paths) ?? headReplaced(paths)) : (headReplaced(paths) ?? flattened(paths))
  return found ?? separately(paths)
}
