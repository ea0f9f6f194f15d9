import { MirrorError } from '../errors.ts'
import type { Descriptor } from './descriptor.ts'
import { hasDigest } from './digest.ts'
import type { CallOptions, ImageSource } from './image-source.ts'
import { parsePlatformEntry } from './manifest.ts'
import { isUnknownPlatform, type Platform } from './platform.ts'
import { formatRepository, type Repository } from './reference.ts'

/** Bytes of a config that is read at most; a larger one counts as naming no platform. */
export const maxConfigBytes: number = 8 * 1024 * 1024

/** The platform that an image's config names, undefined where it names none or `unknown/unknown`: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties */
export function platformOf(config: Uint8Array): Platform | undefined {
  let document: unknown
  try {
    document = JSON.parse(Buffer.from(config).toString('utf8'))
  } catch {
    return undefined
  }
  const platform = parsePlatformEntry(document)
  return platform === undefined || platform.os === '' || platform.architecture === '' || isUnknownPlatform(platform) ? undefined : platform
}

/** An image's config, verified; undefined where it is larger than `maxConfigBytes`. Throws INTEGRITY where it is not what its digest says. */
export async function readConfig(
  source: Pick<ImageSource, 'getBlob'>,
  repository: Repository,
  config: Descriptor,
  { signal }: CallOptions = {},
): Promise<Uint8Array | undefined> {
  if (config.size > maxConfigBytes) return undefined
  const content = await source.getBlob(repository, config, { signal })
  const data = Buffer.alloc(config.size)
  let at = 0
  await content.read((chunk) => {
    data.set(chunk.subarray(0, config.size - at), at)
    at += chunk.length
  })
  if (at === config.size && hasDigest(data, config.digest)) return data
  const subject = `the config ${config.digest} of ${formatRepository(repository)}`
  throw new MirrorError('INTEGRITY', `${subject} does not match its digest`, { side: 'source', subject })
}

/** The platform that an image's config names, read from a place; undefined as for `readConfig` and `platformOf`. Throws INTEGRITY. */
export async function readPlatform(
  source: Pick<ImageSource, 'getBlob'>,
  repository: Repository,
  config: Descriptor,
  options: CallOptions = {},
): Promise<Platform | undefined> {
  const data = await readConfig(source, repository, config, options)
  return data && platformOf(data)
}
