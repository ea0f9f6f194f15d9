import { isMirrorError, MirrorError } from '../errors.ts'
import { formatPlatform, parsePlatform } from '../oci/platform.ts'
import { formatReference } from '../oci/reference.ts'
import { parseYaml } from '../registries-yaml/read/yaml-document.ts'
import { LockNode, type RefuseNode } from './lock-node.ts'
import {
  lockVersion,
  type Lock,
  type LockedContent,
  type LockedFile,
  type LockedImage,
  type LockedList,
  type LockedPlatform,
} from './lock.ts'

const again = 'run k3s-mirror lock again to write the file anew'

function refuse(message: string, hint: string = again): never {
  throw new MirrorError('INVALID_LIST', message, { hint })
}

/** What `git merge` leaves where it could not merge. */
const conflict = /^(?:<{7}|={7}|>{7}|\|{7})(?: .*)?\r?$/m

/** Reads a lock file, JSON too; throws INVALID_LIST with the line for all that is not as this program writes it. `name` is what messages call it. */
export function parseLock(text: string, name: string): Lock {
  const marker = conflict.exec(text)
  if (marker !== null) {
    const line = text.slice(0, marker.index).split('\n').length
    refuse(`${name}:${line}: unresolved merge conflict`, 'run k3s-mirror lock again, which replaces the file, and commit that')
  }
  const { root, problem, rest, positionOf } = parseYaml(text)
  const at = ({ line, column }: { readonly line: number; readonly column: number }): string => `${name}:${line}:${column}`
  if (problem !== undefined) refuse(`${at(problem.position)}: ${problem.why}`)
  if (rest !== undefined) refuse(`${at(rest)}: text after the end of the lock`)
  const refuseNode: RefuseNode = (node, why) => refuse(`${node === null ? name : at(positionOf(node))}: ${why}`)
  return readLock(new LockNode(root ?? null, '', refuseNode), name)
}

function readLock(document: LockNode, name: string): Lock {
  // A later version may have other keys.
  const version = document.find('schemaVersion')?.count()
  if (version !== undefined && version !== lockVersion) {
    refuse(`${name}: unsupported schemaVersion ${version}: expected ${lockVersion}`, `update k3s-mirror, or ${again}`)
  }
  const { lists, platforms, sparse, images, bundle } = document.fields(
    ['schemaVersion', 'lists', 'images'],
    ['platforms', 'sparse', 'bundle'],
  )
  const seen = new Set<string>()
  return {
    schemaVersion: lockVersion,
    lists: lists.items().map(readList),
    ...(platforms && { platforms: platforms.items().map(readPlatformName) }),
    ...(sparse?.oneOf(['true', 'false']) === 'true' && { sparse: true }),
    images: images.items().map((node) => {
      const image = readImage(node)
      if (seen.has(image.reference)) node.refuse(`names ${image.reference} a second time`)
      seen.add(image.reference)
      return image
    }),
    ...(bundle && { bundle: readBundle(bundle) }),
  }
}

function readList(node: LockNode): LockedList {
  const { name, release, channel, sha256, coverage, images } = node.fields(['name', 'sha256', 'coverage', 'images'], ['release', 'channel'])
  if (!/^[0-9a-f]{64}$/.test(sha256.text())) sha256.refuse('is not 64 lower-case hexadecimal digits')
  return {
    name: name.text(),
    ...(release && { release: release.text() }),
    ...(channel && { channel: channel.text() }),
    sha256: sha256.text(),
    coverage: coverage.oneOf(['checksum-file', 'release-api', 'pinned', 'none']),
    images: images.count(),
  }
}

function readPlatformName(node: LockNode): string {
  try {
    return formatPlatform(parsePlatform(node.text()))
  } catch (error) {
    if (!isMirrorError(error) || error.code !== 'USAGE') throw error
    return node.refuse('is not a platform: expected os/arch or os/arch/variant')
  }
}

function readImage(node: LockNode): LockedImage {
  const { reference, digest, mirroredDigest, mediaType, size, platforms, releases } = node.fields(
    ['reference', 'digest', 'mediaType', 'size', 'platforms'],
    ['mirroredDigest', 'releases'],
  )
  const named = reference.reference()
  const root = digest.digest()
  if (named.digest !== undefined && (named.tag !== undefined || named.digest !== root)) reference.refuse('has a digest of its own')
  return {
    reference: formatReference(named),
    digest: root,
    ...(mirroredDigest && { mirroredDigest: mirroredDigest.digest() }),
    mediaType: mediaType.text(),
    size: size.count(),
    platforms: platforms.items().map(readPlatform),
    ...(releases && { releases: releases.items().map((release) => release.text()) }),
  }
}

function readPlatform(node: LockNode): LockedPlatform {
  const { platform, osVersion, digest } = node.fields(['platform', 'digest'], ['osVersion'])
  return { platform: platform.text(), ...(osVersion && { osVersion: osVersion.text() }), digest: digest.digest() }
}

function readBundle(node: LockNode): NonNullable<Lock['bundle']> {
  const { digest, contents, files } = node.fields(['digest', 'contents'], ['files'])
  return {
    digest: digest.digest(),
    contents: contents.items().map(readContent),
    ...(files && { files: files.items().map(readFile) }),
  }
}

function readFile(node: LockNode): LockedFile {
  const { path, digest, size } = node.fields(['path', 'digest', 'size'])
  return { path: path.text(), digest: digest.digest(), size: size.count() }
}

function readContent(node: LockNode): LockedContent {
  const { digest, size, kind, image } = node.fields(['digest', 'size', 'kind', 'image'])
  return {
    digest: digest.digest(),
    size: size.count(),
    kind: kind.oneOf(['manifest', 'blob']),
    image: formatReference(image.reference()),
  }
}
