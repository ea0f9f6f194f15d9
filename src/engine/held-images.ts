import { formatReference, parseReference } from '../oci/reference.ts'

/** What an Engine held at one moment. */
export interface HeldImages {
  readonly ids: ReadonlySet<string>
  /** Image ids by full name, `docker.io/rancher/x:1` or `docker.io/rancher/x@sha256:…`. */
  readonly names: ReadonlyMap<string, string>
}

/** An Engine leaves out what Docker Hub's names begin with; undefined for `<none>:<none>`. */
function fullName(name: unknown): string | undefined {
  if (typeof name !== 'string' || name.includes('<none>')) return undefined
  try {
    return formatReference(parseReference(name))
  } catch {
    return undefined
  }
}

/** Reads the answer to `GET /images/json`; entries that are none are left out. */
export function parseHeldImages(answer: unknown): HeldImages {
  const entries = Array.isArray(answer) ? (answer as Readonly<Record<string, unknown>>[]) : []
  const ids = new Set<string>()
  const names = new Map<string, string>()
  for (const { Id: id, RepoTags: tags, RepoDigests: digests } of entries) {
    if (typeof id !== 'string') continue
    ids.add(id)
    for (const list of [tags, digests]) {
      for (const name of Array.isArray(list) ? list : []) {
        const full = fullName(name)
        if (full !== undefined) names.set(full, id)
      }
    }
  }
  return { ids, names }
}
