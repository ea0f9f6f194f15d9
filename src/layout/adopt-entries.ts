import type { Descriptor } from '../oci/descriptor.ts'
import type { Repository } from '../oci/reference.ts'
import type { BlobStore } from './blob-store.ts'
import type { Catalogue, ManifestRecord } from './catalogue.ts'
import type { NamedEntry } from './name-entries.ts'
import { storedLinks } from './parents.ts'

const maxDepth = 4

async function adoptManifest(
  blobs: BlobStore,
  catalogue: Catalogue,
  repository: Repository,
  descriptor: Descriptor,
  depth: number,
): Promise<ManifestRecord[]> {
  const { digest, mediaType, size } = descriptor
  if (catalogue.find({ ...repository, digest }) !== undefined || depth > maxDepth) return []
  if ((await blobs.size(digest)) !== size) return []
  // An entry of index.json may call a Docker manifest by the OCI type: the manifest's own word counts.
  const links = await storedLinks(blobs, digest, depth === 1 ? undefined : mediaType)
  const found = { descriptor: { mediaType: links?.mediaType ?? mediaType, digest, size }, subject: links?.subject }
  catalogue.add(repository, found)
  const records: ManifestRecord[] = [{ repository, ...found }]
  for (const child of links?.manifests ?? []) records.push(...(await adoptManifest(blobs, catalogue, repository, child, depth + 1)))
  return records
}

/** Catalogues the images that other tools put into index.json, with their children; the answer is what the journal did not know of. */
export async function adoptEntries(blobs: BlobStore, catalogue: Catalogue, entries: readonly NamedEntry[]): Promise<ManifestRecord[]> {
  const records: ManifestRecord[] = []
  for (const { reference, descriptor } of entries) {
    const repository = { registry: reference.registry, path: reference.path }
    records.push(...(await adoptManifest(blobs, catalogue, repository, descriptor, 1)))
    if (reference.tag !== undefined && catalogue.find({ ...repository, digest: descriptor.digest }) !== undefined) {
      catalogue.tag(repository, reference.tag, descriptor.digest)
    }
  }
  return records
}
