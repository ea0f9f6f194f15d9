import type { FileCoverage } from '../copy/events.ts'
import { MirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import { fetchFile, isAbsent, unexpectedStatus, type ListFetchOptions } from '../release/fetch-file.ts'
import { listSha256Of, parseChecksumFile } from '../release/fetch-release-list.ts'
import { fetchReleaseAssets, type ReleaseAssets } from '../release/release-api.ts'
import { defaultArtifactUrl, imageListFile, releaseApiUrlOf, releaseFileUrl } from '../release/release-files.ts'
import { redactUrl } from '../text/redact.ts'
import { binaryNames, checksumFileOf, type Architecture } from './architectures.ts'
import { fetchSize } from './fetch-content.ts'
import { heldFile, mismatch, type GatheredFile } from './gathered-file.ts'

/** What of a release goes into a kit. */
export interface TreeOptions extends ListFetchOptions {
  readonly architectures: readonly Architecture[]
  readonly airgapTarballs?: boolean | undefined
  /** Lower-case hex of the image list that the images were taken from. */
  readonly listSha256: string | undefined
}

/** The forms of K3s' archive of images, the smallest first: K3s imports all of them. */
const archiveForms = ['.tar.zst', '.tar.gz', '.tar']

/** The checksums of a release's files, and who names them. */
interface Checksums {
  /** By name, from the checksum files. */
  readonly files: ReadonlyMap<string, string>
  readonly api: ReleaseAssets
}

/** The checksum of a file that the release names, and by whom it is named; undefined where no one does. Throws CHECKSUM_MISMATCH where two disagree. */
function expectedOf(
  url: URL,
  name: string,
  { files, api }: Checksums,
): { readonly sha256: string; readonly coverage: FileCoverage } | undefined {
  const listed = files.get(name)
  const asset = api.assets.get(name)?.sha256
  if (listed !== undefined && asset !== undefined && listed !== asset) {
    throw mismatch(redactUrl(url), `the checksum file names the sha256 ${listed}, and the release API ${asset}`)
  }
  if (listed !== undefined) return { sha256: listed, coverage: asset === undefined ? 'checksum-file' : 'both' }
  return asset === undefined ? undefined : { sha256: asset, coverage: 'release-api' }
}

/** A file of a release by its name. Throws RELEASE_NOT_FOUND where the release does not have it. */
async function fetchSmall(client: HttpClient, tag: string, name: string, options: TreeOptions): Promise<Uint8Array> {
  const url = releaseFileUrl(options.artifactUrl ?? defaultArtifactUrl, tag, name)
  const { status, body } = await fetchFile(client, url, options)
  if (status === 200) return body
  throw isAbsent(status) ? absent(url, tag, name) : unexpectedStatus(url, status)
}

function absent(url: URL, tag: string, name: string): MirrorError {
  return new MirrorError('RELEASE_NOT_FOUND', `K3s release ${tag} has no file ${name} at ${redactUrl(url)}`, {
    hint: 'pass only architectures of this release with options.architectures, or check options.artifactUrl',
  })
}

/** The files of one release for a kit: checksum files, image list, binaries and archives of images. Throws RELEASE_NOT_FOUND, CHECKSUM_MISMATCH, LIST_UNAVAILABLE, UNREACHABLE and others. */
export async function gatherRelease(client: HttpClient, tag: string, options: TreeOptions): Promise<readonly GatheredFile[]> {
  const { artifactUrl = defaultArtifactUrl, releaseApiUrl, architectures, airgapTarballs, listSha256 } = options
  const urlOf = (name: string): URL => releaseFileUrl(artifactUrl, tag, name)
  const pathOf = (name: string): string => `k3s/${tag}/${name}`
  const apiUrl = releaseApiUrlOf(artifactUrl, tag, releaseApiUrl)
  const names = architectures.map(checksumFileOf)
  const [list, api, ...texts] = await Promise.all([
    fetchSmall(client, tag, imageListFile, options),
    apiUrl === undefined ? { assets: new Map() } : fetchReleaseAssets(client, apiUrl, options),
    ...names.map((name) => fetchSmall(client, tag, name, options)),
  ])
  const sums = names.map((name, at) => parseChecksumFile(Buffer.from(texts[at] ?? '').toString('utf8'), redactUrl(urlOf(name))))
  const files = new Map(sums.flatMap((one) => [...one]))
  for (const [at, one] of sums.entries())
    for (const [name, sha256] of one)
      if (files.get(name) !== sha256)
        throw mismatch(redactUrl(urlOf(names[at] ?? '')), `another checksum file of the release names another sha256 for ${name}`)
  const checksums = { files, api }
  const held = (name: string, bytes: Uint8Array): GatheredFile => {
    const actual = listSha256Of(bytes)
    const expected = expectedOf(urlOf(name), name, checksums)
    if (expected !== undefined && expected.sha256 !== actual)
      throw mismatch(redactUrl(urlOf(name)), `expected the sha256 ${expected.sha256}, got ${actual}`)
    return heldFile(pathOf(name), bytes, expected?.coverage ?? 'none', tag)
  }
  const listFile = held(imageListFile, list)
  if (listSha256 !== undefined && listFile.digest !== `sha256:${listSha256}`) {
    throw mismatch(redactUrl(urlOf(imageListFile)), 'the list changed while this run read it')
  }
  const archiveOf = (architecture: Architecture): string => {
    const forms = archiveForms.map((form) => `k3s-airgap-images-${architecture}${form}`)
    return forms.find((name) => expectedOf(urlOf(name), name, checksums) !== undefined) ?? forms[0] ?? ''
  }
  const large = architectures.flatMap((architecture) => [
    { name: binaryNames[architecture], executable: true },
    ...(airgapTarballs === true ? [{ name: archiveOf(architecture), executable: false }] : []),
  ])
  const fetched = large.map(async ({ name, executable }): Promise<GatheredFile> => {
    const url = urlOf(name)
    const expected = expectedOf(url, name, checksums)
    if (expected === undefined) throw mismatch(redactUrl(url), `no checksum file of the release names ${name}`)
    const { sha256, coverage } = expected
    const size = api.assets.get(name)?.size ?? (await fetchSize(client, url, options))
    if (size === undefined) throw absent(url, tag, name)
    return { path: pathOf(name), digest: `sha256:${sha256}`, size, release: tag, ...(executable && { executable }), coverage, from: url }
  })
  const small = names.map((name, at) => held(name, texts[at] ?? new Uint8Array()))
  return [...small, listFile, ...(await Promise.all(fetched))]
}
