import { Catalogue } from '../layout/catalogue.ts'
import { linksOf, type ManifestLinks } from '../layout/manifest-links.ts'
import type { Digest } from '../oci/digest.ts'
import { contentsOf } from '../oci/manifest.ts'
import { isImageType, isIndexType } from '../oci/media-type.ts'
import { atDigest, formatReference } from '../oci/reference.ts'
import { walkImage } from '../oci/walk.ts'
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
  for (const image of bundle.record.images) {
    const { reference, digest: root } = image
    if (!(await bundle.holds(root))) throw damagedBundle(bundle.path, `${formatReference(reference)} is missing`)
    await walkImage(image, {
      async read({ mediaType, digest }, depth) {
        const isManifest = depth === 0 || isIndexType(mediaType) || isImageType(mediaType)
        const place = atDigest(reference, digest)
        if (!isManifest || catalogue.find(place) !== undefined || !(await bundle.holds(digest))) return undefined
        const manifest = await bundle.getManifest(place)
        const known = links.get(digest) ?? linksOf(contentsOf(manifest))
        links.set(digest, known)
        catalogue.add(reference, { descriptor: manifest.descriptor, subject: known.subject })
        return manifest
      },
    })
    if (reference.tag !== undefined) catalogue.tag(reference, reference.tag, root)
  }
  return { catalogue, links }
}
