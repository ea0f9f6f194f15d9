import { isJsonObject } from '../oci/json-object.ts'

/** The annotation of an entry in index.json that lists the K3s releases whose image lists name the image, separated by commas. */
const releasesKey = 'io.k3s-mirror.releases'

/** As in `v1.37.1+k3s1`; anything else in the annotation is ignored. */
const releaseTag = /^v[0-9][0-9A-Za-z.+-]{0,62}$/

const mostReleases = 200

/** Which releases an entry lists, and for which digest. */
export interface EntryReleases {
  readonly digest: unknown
  /** At least one. */
  readonly releases: readonly string[]
}

/** The entry of a line of JSON; undefined where the line holds several. */
function parseEntry(line: string): Readonly<Record<string, unknown>> | undefined {
  const entries = JSON.parse(`[${line}]`) as readonly unknown[]
  return entries.length === 1 && isJsonObject(entries[0]) ? entries[0] : undefined
}

function annotationsOf({ annotations }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return isJsonObject(annotations) ? annotations : {}
}

function listedIn(entry: Readonly<Record<string, unknown>>): readonly string[] {
  const text = annotationsOf(entry)[releasesKey]
  return typeof text === 'string' ? text.split(',', mostReleases).filter((release) => releaseTag.test(release)) : []
}

/** The releases that an entry, one line of JSON, lists; undefined without any. */
export function entryReleases(line: string): EntryReleases | undefined {
  if (!line.includes(releasesKey)) return undefined
  const entry = parseEntry(line)
  const releases = entry && listedIn(entry)
  return entry === undefined || releases === undefined || releases.length === 0 ? undefined : { digest: entry['digest'], releases }
}

/** An entry, one line of JSON, with these releases in addition to those it lists; the line itself where nothing changes. */
export function withReleases(line: string, added: readonly string[]): string {
  const entry = parseEntry(line)
  if (entry === undefined) return line
  const before = listedIn(entry)
  const releases = [...new Set([...before, ...added.filter((release) => releaseTag.test(release))])].slice(-mostReleases)
  if (releases.join(',') === before.join(',')) return line
  return JSON.stringify({ ...entry, annotations: { ...annotationsOf(entry), [releasesKey]: releases.join(',') } })
}
