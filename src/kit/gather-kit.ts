import { inPathOrder, type BundleBase, type KitFile } from '../bundle/bundle-record.ts'
import { conflictOf } from '../bundle/kit-path.ts'
import { MirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import type { Reference } from '../oci/reference.ts'
import type { SelectedList } from '../release/image-list.ts'
import { compareVersions, parseVersion } from '../release/version.ts'
import { architectures as architecturesOfK3s, checksumFileOf, type Architecture } from './architectures.ts'
import { formatChecksums, heldFile, sumsFile, type Gathered, type GatheredFile } from './gathered-file.ts'
import { gatherScript, knowsArtifactUrl, scriptFile, type ScriptOptions } from './install-script.ts'
import { formatReadme, readmeFile } from './kit-readme.ts'
import { gatherExecutables } from './own-executables.ts'
import { gatherRelease } from './release-tree.ts'
import { gatherSelinux, type SelinuxOptions } from './selinux-packages.ts'

/** What goes into a kit besides the images. */
export interface KitContents extends ScriptOptions, SelinuxOptions {
  readonly architectures: readonly Architecture[]
  readonly airgapTarballs?: boolean | undefined
  readonly executables?: string | undefined
}

/** The kit that is made: its name, its images, and what an earlier kit has. */
export interface KitFacts {
  readonly name: string
  readonly isSplit: boolean
  readonly tool: string
  readonly images: readonly Reference[]
  readonly lists: readonly SelectedList[]
  readonly before: BundleBase | undefined
}

/** The files of a kit, and those that an earlier kit brought and that stay out. */
export interface GatheredKit extends Gathered {
  /** In the order of their paths. */
  readonly brought: readonly GatheredFile[]
}

const isOwn = ({ path }: KitFile): boolean => path.startsWith('k3s-mirror/')
const withoutProgram = 'the kit does not contain k3s-mirror: pass options.executables, or carry it to the other side yourself'

/** Each file once. Throws USAGE for two files, or one of an earlier kit, that no directory can have together. */
function distinct(files: readonly GatheredFile[], before: readonly KitFile[] = []): readonly GatheredFile[] {
  const once = [...new Map(files.map((file) => [`${file.path} ${file.digest}`, file])).values()]
  const paths = once.map(({ path }) => path)
  const known = new Set(paths)
  const conflict = conflictOf([...paths, ...before.map(({ path }) => path).filter((path) => !known.has(path))])
  if (conflict === undefined) return once
  throw new MirrorError('USAGE', `a kit cannot have two files for one path: ${conflict.join(' and ')}`, { hint: 'rename one of the files' })
}

/** Throws USAGE where an earlier kit is for more architectures: a push of both would leave images that they share without these. */
function refuseFewerArchitectures(chosen: readonly Architecture[], before: BundleBase | undefined): void {
  const has = (one: Architecture): boolean => before?.files?.some(({ path }) => path.endsWith(`/${checksumFileOf(one)}`)) === true
  const earlier = architecturesOfK3s.filter(has)
  const missing = earlier.filter((one) => !chosen.includes(one))
  if (missing.length === 0) return
  throw new MirrorError(
    'USAGE',
    `the earlier kit is for ${earlier.join(', ')}: this one would replace images that both need, without ${missing.join(', ')}`,
    {
      hint: `pass options.architectures ${architecturesOfK3s.filter((one) => has(one) || chosen.includes(one)).join(',')}, or create a kit without options.since`,
    },
  )
}

/** Finds every file of a kit, and reads the small ones: release by release, then the installer, packages and executables. Throws USAGE, RELEASE_NOT_FOUND, CHECKSUM_MISMATCH, LOCAL_IO, and as the network does. */
export async function gatherKit(client: HttpClient, contents: KitContents, facts: KitFacts): Promise<GatheredKit> {
  const { architectures } = contents
  const { name, isSplit, tool, images, lists, before } = facts
  const tags = [...new Set(lists.flatMap(({ release }) => release ?? []))].toSorted((a, b) =>
    compareVersions(parseVersion(a), parseVersion(b)),
  )
  const newest = tags.at(-1)
  if (newest === undefined) {
    throw new MirrorError('USAGE', 'a kit needs a K3s release', { hint: 'pass options.releases, such as v1.37.1+k3s1 or stable' })
  }
  refuseFewerArchitectures(architectures, before)
  const trees = tags.map((tag) => {
    // The name of a list that was fetched now is its release; of one in a bundle or a lock it is the path.
    const listSha256 = lists.find((list) => list.name === tag && list.release === tag)?.sha256
    return gatherRelease(client, tag, { ...contents, listSha256 })
  })
  const [script, selinux, own, ...releases] = await Promise.all([
    gatherScript(client, newest, contents),
    gatherSelinux(client, contents),
    gatherExecutables(contents),
    ...trees,
  ])
  const all = inPathOrder(distinct([...releases.flat(), ...script.files, ...selinux.files, ...own.files], before?.files))
  const earlier = new Map(before?.files?.map(({ path, digest }) => [path, digest]))
  const isBrought = ({ path, digest }: KitFile): boolean => earlier.get(path) === digest
  const [files, brought] = [all.filter((file) => !isBrought(file)), all.filter(isBrought)]
  const readme = formatReadme({
    name,
    isSplit,
    tool,
    releases: tags,
    architectures,
    registries: [...new Set(images.map(({ registry }) => registry))].toSorted(),
    images: images.length,
    files,
    before: brought,
    isDelta: before !== undefined,
    installsFromSite: script.files.some(({ path, from }) => path === scriptFile && from instanceof Uint8Array && knowsArtifactUrl(from)),
  })
  const withReadme = inPathOrder([...files, heldFile(readmeFile, Buffer.from(readme), 'made')])
  const sums = heldFile(sumsFile, formatChecksums(withReadme), 'made')
  return {
    files: inPathOrder([...withReadme, sums]),
    brought,
    warnings: [
      ...[script, selinux, own].flatMap(({ warnings }) => warnings),
      ...([...all, ...(before?.files ?? [])].some(isOwn) ? [] : [withoutProgram]),
    ],
  }
}
