import type { Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { BlobUpload, ImageDestination, OfferedBlob, OfferOptions } from '../oci/image-destination.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { Repository } from '../oci/reference.ts'
import { blobPath, type BundleContents } from './bundle-contents.ts'
import type { Publication } from './publish-bundle.ts'
import { UnfinishedBundle } from './unfinished-bundle.ts'

/** A bundle to write: its file, links followed, and what goes into it. */
export interface ArrangedBundle {
  readonly target: string
  readonly contents: BundleContents
}

/** The bundles that a run writes, as one destination: a blob is read once, and written to each of them that lacks it. Only blobs move, because manifests are arranged before. */
export class BundleDestination implements ImageDestination, AsyncDisposable {
  readonly #bundles: UnfinishedBundle[] = []

  private constructor() {}

  /** Opens all of them, and resumes unfinished ones. Throws as UnfinishedBundle does, and NO_SPACE. */
  static async open(
    bundles: readonly ArrangedBundle[],
    { splitSize, signal }: CallOptions & Pick<Publication, 'splitSize'> = {},
  ): Promise<BundleDestination> {
    const destination = new BundleDestination()
    try {
      for (const { target, contents } of bundles) {
        const bundle = await UnfinishedBundle.open(target, contents, { signal })
        destination.#bundles.push(bundle)
        await bundle.requireRoom({ splitSize })
      }
      return destination
    } catch (error) {
      await destination[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Gives the bundles their names, one after another. Throws LOCAL_IO. */
  async finish(options: Pick<Publication, 'splitSize' | 'signal'> = {}): Promise<void> {
    for (const bundle of this.#bundles) await bundle.finish(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ends = await Promise.allSettled(this.#bundles.map((bundle) => bundle[Symbol.asyncDispose]()))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  headManifest(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  headBlob(_repository: Repository, { digest }: Descriptor): Promise<boolean> {
    return Promise.resolve(this.#lacking(digest).length === 0)
  }

  /** A bundle has each blob once, whatever needs it. */
  offerBlob(_repository: Repository, { digest }: Descriptor, { from }: OfferOptions = {}): Promise<OfferedBlob> {
    if (this.#lacking(digest).length === 0) return Promise.resolve({ kind: from === undefined ? 'present' : 'mounted' })
    const put: BlobUpload['put'] = async (open) => {
      await putInto(this.#lacking(digest), blobPath(digest), open)
      return true
    }
    return Promise.resolve({ kind: 'upload', upload: { put, cancel: () => Promise.resolve() } })
  }

  /** True where every bundle has this file of a kit, by its path. */
  hasFile(path: string): boolean {
    return this.#bundles.every((bundle) => bundle.hasWhole(path))
  }

  /** Writes a file of a kit to its place; `open` gives bytes that are verified while they are read. Throws LOCAL_IO, and what reading throws. */
  async putFile(path: string, open: () => Promise<Content>): Promise<void> {
    const lacking = this.#bundles.filter((bundle) => !bundle.hasWhole(path))
    await putInto(lacking, path, open)
  }

  putManifest(): Promise<void> {
    return Promise.resolve()
  }

  #lacking(digest: Digest): readonly UnfinishedBundle[] {
    const lacking = this.#bundles.filter((bundle) => !bundle.has(digest) && bundle.hasPlaceFor(digest))
    if (lacking.length > 0 || this.#bundles.some((bundle) => bundle.has(digest))) return lacking
    throw new MirrorError('INTERNAL', `${digest} has no position in the bundle`)
  }
}

/** Reads content once, into each of these bundles. */
async function putInto(bundles: readonly UnfinishedBundle[], path: string, open: () => Promise<Content>): Promise<void> {
  const writers = bundles.map((bundle) => bundle.writer(path))
  const content = await open()
  await content.read(async (chunk) => void (await Promise.all(writers.map((writer) => writer.write(chunk)))))
  await Promise.all(writers.map((writer) => writer.end()))
}
