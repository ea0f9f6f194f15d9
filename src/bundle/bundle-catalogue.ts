import { readAll } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import { Catalogue } from '../layout/catalogue.ts'
import { imageName } from '../layout/index-entry.ts'
import { readLinks, type ManifestLinks } from '../layout/manifest-links.ts'
import type { Digest } from '../oci/digest.ts'
import { isImageType, isIndexType } from '../oci/media-type.ts'
import { atDigest, formatReference, type Repository } from '../oci/reference.ts'
import type { BundleReader } from './bundle-reader.ts'

/** Every repository of a bundle with its tags and manifests, and what each manifest says of other content. */
export interface CataloguedBundle {
  readonly catalogue: Catalogue
  readonly links: ReadonlyMap<Digest, ManifestLinks>
}

const maxIndexBytes = 64 * 1024 * 1024

function damaged({ path }: BundleReader, why: string, cause?: unknown): MirrorError {
  return new MirrorError('INTEGRITY', `${path} is damaged: ${why}`, { cause, hint: 'Copy the file again from where it was made.' })
}

async function readNames(bundle: BundleReader): Promise<ReadonlySet<string>> {
  const content = await bundle.readFile('index.json')
  if (content === undefined || content.size > maxIndexBytes) throw damaged(bundle, 'it has no index.json')
  const bytes = await readAll(content)
  try {
    const { manifests } = JSON.parse(bytes.toString()) as {
      readonly manifests: readonly { readonly digest: string; readonly annotations: Readonly<Record<string, string>> }[]
    }
    return new Set(manifests.map(({ digest, annotations }) => `${annotations[imageName]} ${digest}`))
  } catch (cause) {
    throw damaged(bundle, 'its index.json is none', cause)
  }
}

/** No digest covers a name, but it stands in the record and in index.json: a bit that turned in one of them shows beside the other. */
async function checkNames(bundle: BundleReader): Promise<void> {
  const names = await readNames(bundle)
  const { images } = bundle.record
  const odd = images.find(({ reference, digest }) => !names.has(`${formatReference(reference)} ${digest}`))
  if (odd !== undefined) throw damaged(bundle, `its index.json does not have ${formatReference(odd.reference)} as its record does`)
  if (names.size !== images.length) throw damaged(bundle, `its index.json names ${names.size} images, and its record ${images.length}`)
}

/** Reads every manifest of a bundle and finds out which repository has it. Throws INTEGRITY for a damaged or missing one. */
export async function catalogueBundle(bundle: BundleReader): Promise<CataloguedBundle> {
  await checkNames(bundle)
  const catalogue = new Catalogue()
  const links = new Map<Digest, ManifestLinks>()
  const add = async (repository: Repository, digest: Digest): Promise<void> => {
    const reference = atDigest(repository, digest)
    if (catalogue.find(reference) !== undefined) return
    const { bytes, descriptor } = await bundle.getManifest(reference)
    const known = links.get(digest) ?? readLinks(bytes, descriptor.mediaType)
    links.set(digest, known)
    catalogue.add(repository, { descriptor, subject: known.subject })
    for (const { mediaType, digest: child } of known.manifests) {
      const isManifest = isIndexType(mediaType) || isImageType(mediaType)
      if (isManifest && (await bundle.holds(child))) await add(repository, child)
    }
  }
  for (const { reference, digest } of bundle.record.images) {
    if (!(await bundle.holds(digest))) throw damaged(bundle, `${formatReference(reference)} is missing`)
    await add(reference, digest)
    if (reference.tag !== undefined) catalogue.tag(reference, reference.tag, digest)
  }
  return { catalogue, links }
}
