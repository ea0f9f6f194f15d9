import { contentOf } from '../async/content.ts'
import { inPathOrder, knownFiles, type KitFile } from '../bundle/bundle-record.ts'
import type { ImageArchive } from '../bundle/image-archive.ts'
import { conflictOf } from '../bundle/kit-path.ts'
import { MirrorError } from '../errors.ts'
import { withLocalIo } from '../layout/local-io.ts'
import { followLinks, refusePlanted } from '../layout/planted-files.ts'
import { replaceFile } from '../layout/replace-file.ts'
import { sha256 } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { formatChecksums, sumsFile } from './gathered-file.ts'
import { formatKitList, kitFilePath, kitListName, readKitList } from './kit-directory.ts'
import { readmeFile } from './kit-readme.ts'
import { kitReleases } from './releases.ts'
import { hasKitFile, writeKitFile } from './write-kit-files.ts'

/** What became of a file of a kit. */
export type KitFileState = 'written' | 'present'

interface Source {
  readonly archive: ImageArchive
  readonly file: KitFile
}

/** How files of kits are written. */
export interface KitPushOptions extends CallOptions {
  /** Accept other content for a file of a release that the directory has already. */
  readonly replace?: boolean
  /** Called for each file, when it is in place. */
  readonly onFile: (file: KitFile, state: KitFileState) => void
}

/** Files that describe one kit: the directory gets its own, because it may hold several. */
const madeHere: ReadonlySet<string> = new Set([readmeFile, sumsFile])

/** What the directory holds, and what to do with it. */
function directoryReadme(files: readonly KitFile[]): Buffer {
  const releases = kitReleases(files).map((tag) => `- K3s ${tag}, in \`k3s/${tag}/\`\n`)
  return Buffer.from(
    `# K3s without a network\n\nThis directory holds the images and the files of kits:\n\n${releases.join('')}\n` +
      'Serve it, from this directory:\n\n```sh\nk3s-mirror kit serve .\n```\n\nThe page at its address has the commands for nodes.\n\n' +
      'Check the files:\n\n```sh\nsha256sum --check SHA256SUMS\n```\n',
  )
}

function changedFile({ path }: KitFile, directory: string): MirrorError {
  return new MirrorError(
    'INTEGRITY',
    `${path} in the kit differs from the file that an earlier kit brought to ${directory}; nothing was written`,
    {
      hint: 'compare both with the checksums of the release, and pass options.ifChanged replace to accept the one in the kit',
    },
  )
}

/** Throws UNSUPPORTED for paths that no directory can have together. */
function refuseConflict(paths: ReadonlySet<string>, directory: string): void {
  const conflict = conflictOf(paths)
  if (conflict === undefined) return
  throw new MirrorError('UNSUPPORTED', `${directory} cannot have both ${conflict.join(' and ')}; nothing was written`, {
    hint: 'push the kits to different directories',
  })
}

/** Writes the files of kits below a directory: new ones first, and what changes there with the list of all files at the end. */
export class KitFilesPush {
  readonly #directory: string
  readonly #options: KitPushOptions
  readonly #known: ReadonlyMap<string, KitFile>
  readonly #sources: ReadonlyMap<string, Source>

  private constructor(
    directory: string,
    options: KitPushOptions,
    known: ReadonlyMap<string, KitFile>,
    sources: ReadonlyMap<string, Source>,
  ) {
    this.#directory = directory
    this.#options = options
    this.#known = known
    this.#sources = sources
  }

  /** Looks at the directory; nothing is written. Of two kits, the later one counts. Throws UNSUPPORTED where none is a kit, NOT_FOUND where files of an earlier kit are missing, INTEGRITY for a changed file of a release. */
  static async open(archives: readonly ImageArchive[], directory: string, options: KitPushOptions): Promise<KitFilesPush> {
    const kits = archives.filter(({ record }) => record?.files !== undefined)
    if (kits.length === 0) {
      throw new MirrorError('UNSUPPORTED', `${archives.map(({ path }) => path).join(', ')}: not a kit: it has images only`, {
        hint: 'push a bundle with k3s-mirror bundle push',
      })
    }
    await refusePlanted(await followLinks(directory))
    const sources = new Map<string, Source>()
    for (const archive of kits)
      for (const file of archive.record?.files ?? []) if (!madeHere.has(file.path)) sources.set(file.path, { archive, file })
    const known = new Map(((await readKitList(directory)) ?? []).map((file) => [file.path, file]))
    for (const { file } of sources.values()) {
      const before = known.get(file.path)
      const isOfRelease = (before?.release ?? file.release) !== undefined
      if (isOfRelease && before !== undefined && before.digest !== file.digest && options.replace !== true)
        throw changedFile(file, directory)
    }
    refuseConflict(new Set([...known.keys(), ...sources.keys(), ...madeHere]), directory)
    for (const { path, record } of kits) await refuseMissing(path, record?.base, { directory, sources, signal: options.signal })
    return new KitFilesPush(directory, options, known, sources)
  }

  /** All files, in the order of their paths. */
  get files(): readonly KitFile[] {
    return inPathOrder([...this.#sources.values()].map(({ file }) => file))
  }

  /** Writes the files that do not replace one that is served. Throws INTEGRITY for a damaged one, LOCAL_IO. */
  async write(): Promise<void> {
    for (const file of this.files) if (!this.#isReplaced(file)) await this.#put(file)
  }

  /** Writes the other files, the checksums of all files in the directory, and their list. Throws as `write`. */
  async publish(): Promise<void> {
    for (const file of this.files) if (this.#isReplaced(file)) await this.#put(file)
    const kept = knownFiles(this.#known.values(), this.files).filter(({ path }) => !madeHere.has(path))
    const readme = await this.#make(readmeFile, directoryReadme(kept))
    const all = inPathOrder([...kept, readme])
    const sums = await this.#make(sumsFile, formatChecksums(all))
    const list = kitFilePath(this.#directory, { path: kitListName })
    await withLocalIo(
      'write',
      list,
      async () => void (await replaceFile(list, formatKitList(inPathOrder([...all, sums])), { mode: 0o644 })),
    )
  }

  async #make(path: string, bytes: Buffer): Promise<KitFile> {
    const file = { path, digest: sha256(bytes), size: bytes.length }
    await writeKitFile(this.#directory, file, contentOf(bytes), () => new MirrorError('INTERNAL', `${path} changed while it was written`))
    return file
  }

  #isReplaced(file: KitFile): boolean {
    const before = this.#known.get(file.path)
    return before !== undefined && before.digest !== file.digest
  }

  async #put(file: KitFile): Promise<void> {
    const { signal, onFile } = this.#options
    signal?.throwIfAborted()
    if (await hasKitFile(this.#directory, file, { signal })) return onFile(file, 'present')
    const { archive } = this.#sources.get(file.path) ?? {}
    const content = await archive?.readFile(file.path, { signal })
    const wrong = (): MirrorError => archive?.wrongFile(file) ?? new MirrorError('INTERNAL', `${file.path} has no kit`)
    if (content === undefined) throw wrong()
    await writeKitFile(this.#directory, file, content, wrong)
    onFile(file, 'written')
  }
}

interface Expected extends CallOptions {
  readonly directory: string
  readonly sources: ReadonlyMap<string, Source>
}

/** Throws NOT_FOUND where neither the directory nor another kit has what an earlier kit brought. */
async function refuseMissing(
  kit: string,
  base: { readonly bundle: string; readonly files?: readonly KitFile[] } | undefined,
  { directory, sources, signal }: Expected,
): Promise<void> {
  const missing: KitFile[] = []
  for (const file of base?.files ?? []) {
    if (sources.get(file.path)?.file.digest === file.digest || madeHere.has(file.path)) continue
    if (!(await hasKitFile(directory, file, { signal }))) missing.push(file)
  }
  const [first] = missing
  if (base === undefined || first === undefined) return
  const more = missing.length === 1 ? '' : ` and ${missing.length - 1} more`
  const message = `${directory} lacks files that ${kit} expects there (created with options.since): ${first.path}${more}; nothing was pushed`
  throw new MirrorError('NOT_FOUND', message, {
    side: 'destination',
    hint: `push the earlier kit first (kit info prints its digest, ${base.bundle}), or pass both files`,
  })
}
