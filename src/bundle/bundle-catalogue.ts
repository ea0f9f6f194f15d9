import { Catalogue } from '../layout/catalogue.ts'
import { linksOf, type ManifestLinks } from '../layout/manifest-links.ts'
import type { Digest } from '../oci/digest.ts'
import { contentsOf } from '../oci/manifest.ts'
import { isImageType, isIndexType } from '../oci/media-type.ts'
import { atDigest, formatReference, type Repository } from '../oci/reference.ts'
import { damagedBundle, type BundleReader } from './bundle-reader.ts'

/** Every repository of a bundle with its tags and manifests, and what each manifest says of other content. */
export interface CataloguedBundle {
  readonly catalogue: Catalogue
  readonly links: ReadonlyMap<Digest, ManifestLinks>
}

/** Reads every manifest of a bundle and finds out which repository has it. Throws INTEGRITY for a damaged or missing one. */
export async function catalogueBundle(bundle: BundleReader): Promise<CataloguedBundle> {
  const catalogue = new Catalogue()
  const links = new Map<Digest, ManifestLinks>()
  const add = async (repository: Repository, digest: Digest): Promise<void> => {
    const reference = atDigest(repository, digest)
    if (catalogue.find(reference) !== undefined) return
    const manifest = await bundle.getManifest(reference)
    const known = links.get(digest) ?? linksOf(contentsOf(manifest))
    links.set(digest, known)
    catalogue.add(repository, { descriptor: manifest.descriptor, subject: known.subject })
    for (const { mediaType, digest: child } of known.manifests) {
      const isManifest = isIndexType(mediaType) || isImageType(mediaType)
      if (isManifest && (await bundle.holds(child))) await add(repository, child)
    }
  }
  for (const { reference, digest } of bundle.record.images) {
    if (!(await bundle.holds(digest))) throw damagedBundle(bundle.path, `${formatReference(reference)} is missing`)
    await add(reference, digest)
    if (reference.tag !== undefined) catalogue.tag(reference, reference.tag, digest)
  }
  return { catalogue, links }
}
