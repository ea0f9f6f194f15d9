import { MirrorError } from '../errors.ts'

/** Where `docker save` lists its images. */
export const savePath = 'manifest.json'

/** An image of a `docker save` archive: paths of its files, and the names that it goes by. */
export interface SavedImage {
  readonly config: string
  readonly tags: readonly string[]
  /** The lowest first. */
  readonly layers: readonly string[]
}

function strings(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((one): one is string => typeof one === 'string') ? value : undefined
}

/** Reads manifest.json: https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md#combined-image-json--filesystem-changeset-format. Throws INVALID_MANIFEST. */
export function parseSavedImages(bytes: Uint8Array, archive: string): readonly SavedImage[] {
  const refuse = (why: string, cause?: unknown): MirrorError =>
    new MirrorError('INVALID_MANIFEST', `${savePath} in ${archive} ${why}`, { cause })
  let document: unknown
  try {
    document = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw refuse('is not JSON', cause)
  }
  if (!Array.isArray(document)) throw refuse('is no list of images')
  return document.map((value: unknown) => {
    const { Config: config, RepoTags, Layers } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
    const [tags, layers] = [strings(RepoTags ?? []), strings(Layers ?? [])]
    if (typeof config !== 'string' || tags === undefined || layers === undefined) throw refuse('has an image that is none')
    return { config, tags, layers }
  })
}
