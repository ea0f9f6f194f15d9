import { readAll } from '../async/content.ts'
import { isMirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { hasDigest, type Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { parseJsonObject } from '../oci/json-object.ts'
import { contentsOf } from '../oci/manifest.ts'
import { atDigest, type Repository } from '../oci/reference.ts'
import type { PrunedPlace } from './pruned-place.ts'

const maxConfigBytes = 8 * 1024 * 1024

/** Reproducible builds write 1970 or 1980, which is not when they were made. */
const earliest = Date.UTC(2000, 0)

function readDate(text: unknown): number | undefined {
  const date = typeof text === 'string' ? Date.parse(text) : Number.NaN
  return date >= earliest ? date : undefined
}

/** What a read gives; undefined where the content is absent, or damaged. */
async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (isMirrorError(error) && ['NOT_FOUND', 'UNSUPPORTED', 'INTEGRITY', 'INVALID_MANIFEST'].includes(error.code)) return undefined
    throw error
  }
}

async function configDate(
  place: PrunedPlace,
  repository: Repository,
  config: Descriptor,
  options: CallOptions,
): Promise<number | undefined> {
  if (config.size > maxConfigBytes) return undefined
  const content = await unlessMissing(place.getBlob(repository, config, options))
  const bytes = content && (await readAll(content))
  if (bytes === undefined || !hasDigest(bytes, config.digest)) return undefined
  return readDate(parseJsonObject(bytes.toString('utf8'))?.['created'])
}

/**
 * When an image was built, in milliseconds since 1970: `created` of its config, of an index the latest of its images. Undefined where nothing states it:
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties
 */
export async function builtAt(
  place: PrunedPlace,
  repository: Repository,
  digest: Digest,
  options: CallOptions = {},
): Promise<number | undefined> {
  const manifest = await unlessMissing(place.getManifest(atDigest(repository, digest), options))
  if (manifest === undefined) return undefined
  const contents = contentsOf(manifest)
  const dates =
    contents.kind === 'image'
      ? [await configDate(place, repository, contents.config, options)]
      : await Promise.all(contents.manifests.map((child) => builtAt(place, repository, child.digest, options)))
  const known = dates.filter((date) => date !== undefined)
  return known.length === 0 ? readDate(contents.annotations?.['org.opencontainers.image.created']) : Math.max(...known)
}
