import { MirrorError } from '../errors.ts'
import { parsePlatform, type Platform } from '../oci/platform.ts'
import { formatReference, type Reference } from '../oci/reference.ts'

/** A file for K3s' images directory, and the platforms that it gets; undefined for all of the run. */
export interface ImagesFile {
  readonly file: string
  readonly platforms: readonly Platform[] | undefined
}

/** What stands for the architecture in the name of such files. */
const placeholder = '{arch}'

/** What decides about the files of a run. */
interface ImagesDirOptions {
  readonly file: string
  readonly platforms?: readonly string[] | undefined
  readonly forImagesDir?: boolean | undefined
  readonly splitSize?: number | undefined
  readonly since?: string | undefined
  readonly lock?: string | undefined
}

function usage(message: string, hint: string): MirrorError {
  return new MirrorError('USAGE', message, { hint })
}

/** The files that a bundle is written to: one, or one for each architecture where the name has `{arch}`. Throws USAGE for what K3s would not import. */
export function imagesFiles({ file, platforms, forImagesDir = false, ...others }: ImagesDirOptions): readonly ImagesFile[] {
  const isPattern = file.includes(placeholder)
  if (isPattern && !forImagesDir)
    throw usage(`"${file}" contains ${placeholder}, which requires options.forImagesDir`, 'pass options.forImagesDir, or another file name')
  if (isPattern && platforms === undefined)
    throw usage(`"${file}" contains ${placeholder}, which requires options.platforms`, 'pass options.platforms linux/amd64,linux/arm64')
  if (forImagesDir) refuseUnimportable(others)
  if (!isPattern) return [{ file, platforms: undefined }]
  const files = new Map<string, Platform[]>()
  for (const platform of (platforms ?? []).map(parsePlatform)) {
    const name = file.replaceAll(placeholder, platform.architecture)
    files.set(name, [...(files.get(name) ?? []), platform])
  }
  return [...files].map(([name, own]) => ({ file: name, platforms: own }))
}

function refuseUnimportable({ splitSize, since, lock }: Pick<ImagesDirOptions, 'splitSize' | 'since' | 'lock'>): void {
  if (splitSize !== undefined) throw usage('K3s does not import the parts of a split bundle', 'remove options.splitSize')
  if (since !== undefined) {
    const message = 'K3s would import the images of this bundle without the content that options.since leaves out'
    throw usage(message, 'remove options.since')
  }
  if (lock !== undefined) {
    const message = 'options.lock is not supported with options.forImagesDir: such a bundle cannot be the base of another one'
    throw usage(message, 'remove options.lock, or run k3s-mirror lock')
  }
}

/** Throws USAGE for an image that K3s would import without being able to tag and pin it: https://github.com/k3s-io/k3s/blob/main/pkg/agent/containerd/containerd.go */
export function refuseUntagged(images: readonly Reference[]): void {
  const untagged = images.find(({ tag }) => tag === undefined)
  if (untagged === undefined) return
  const subject = formatReference(untagged)
  throw new MirrorError('USAGE', `K3s cannot import ${subject}: it has no tag`, {
    subject,
    hint: 'add the tag, as in <name>:<tag>@sha256:<hex>, or leave the image out with options.exclude',
  })
}
