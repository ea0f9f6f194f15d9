import { stringify } from 'yaml'
import { lockHeader, type Lock } from './lock.ts'

const header = `${lockHeader}: the images of a selection with their digests. Commit it.
# "k3s-mirror lock" writes it, and a run that is locked copies these digests. Do not edit it.
`

/** Writes a lock as YAML that any YAML 1.1 or 1.2 parser reads; the same lock gives the same bytes. */
export function formatLock({ schemaVersion, lists, platforms, sparse, images, bundle }: Lock): string {
  const document = {
    schemaVersion,
    lists: lists.map(({ name, release, channel, sha256, coverage, images: count }) => {
      return { name, release, channel, sha256, coverage, images: count }
    }),
    platforms,
    sparse,
    images: images.map(({ reference, digest, mirroredDigest, mediaType, size, platforms: own, releases }) => ({
      reference,
      digest,
      mirroredDigest,
      mediaType,
      size,
      platforms: own.map(({ platform, osVersion, digest: of }) => ({ platform, osVersion, digest: of })),
      releases,
    })),
    bundle: bundle && {
      digest: bundle.digest,
      contents: bundle.contents.map(({ digest, size, kind, image }) => ({ digest, size, kind, image })),
      files: bundle.files?.map(({ path, digest, size }) => ({ path, digest, size })),
    },
  }
  return header + stringify(document, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false })
}
