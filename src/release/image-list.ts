import { isMirrorError } from '../errors.ts'
import { formatReference, looksLikeHostPort, parseReference, type Reference } from '../oci/reference.ts'
import { refuseList } from './list-text.ts'

/** How a list was verified to be the published one; `none` means that it was not. */
export type ListCoverage = 'checksum-file' | 'release-api' | 'pinned' | 'none'

/** What named images where it was not an image list: a Kubernetes manifest, or the rule for the upgrade image of a release. */
export type ListKind = 'manifest' | 'upgrade-images'

/** One of the lists that a selection was read from. */
export interface SelectedList {
  /** The release tag, path or URL; `standard input` for `-`; `upgrade images of <release>`. */
  readonly name: string
  /** Absent for an image list. */
  readonly kind?: ListKind
  /** Lower-case hex of the list's bytes; for a bundle or another archive, of the file in it that names the images; for upgrade images, of their references, one a line. */
  readonly sha256: string
  readonly coverage: ListCoverage
  readonly release?: string
  /** The channel that led to the release. */
  readonly channel?: string
  /** References in the list, before filters and merging. */
  readonly images: number
}

/** The images of a selection: each once, in the order in which they were first named. */
export interface ImageList {
  readonly images: readonly Reference[]
  readonly lists: readonly SelectedList[]
  /** The names of the lists that name an image, by its full reference; absent for an image that only an argument, or a bundle of several lists, names. */
  readonly namedBy: Readonly<Record<string, readonly string[]>>
  /** The releases whose lists name an image, by its full reference; an image of no release is absent. */
  readonly releases: Readonly<Record<string, readonly string[]>>
  /** Sentences for the reader; none of them stopped anything. */
  readonly warnings: readonly string[]
}

/** Images, with sentences for the reader about them. */
export interface NotedImages {
  readonly images: readonly Reference[]
  readonly warnings: readonly string[]
}

const maxLines = 100_000

/** A line without its comment: `#` begins one at the start of a line or after white space. */
function withoutComment(line: string): string {
  for (let at = line.indexOf('#'); at !== -1; at = line.indexOf('#', at + 1)) {
    if (at === 0 || /\s/.test(line[at - 1] ?? '')) return line.slice(0, at).trim()
  }
  return line.trim()
}

/** Parses single references; throws INVALID_REFERENCE for the first invalid one. */
export function parseReferences(texts: readonly string[]): NotedImages {
  const images = texts.map(parseReference)
  const warnings = texts.filter(looksLikeHostPort).map((text) => {
    const { registry, path, tag } = parseReference(text)
    return `"${text}" is read as ${registry}/${path} with the tag ${tag}`
  })
  return { images, warnings }
}

/** Reads a list, one reference a line, with blank lines and `#` comments; throws INVALID_REFERENCE with the line, and INVALID_LIST. */
export function parseImageList(text: string, name: string): NotedImages {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
  if (lines.length > maxLines + 1) refuseList(name, 'the list has more than 100 000 lines')
  const images: Reference[] = []
  const warnings: string[] = []
  for (const [index, line] of lines.entries()) {
    const entry = withoutComment(line)
    if (entry === '') continue
    try {
      const parsed = parseReferences([entry])
      images.push(...parsed.images)
      warnings.push(...parsed.warnings)
    } catch (error) {
      if (!isMirrorError(error)) throw error
      throw error.with({ message: `${name}:${index + 1}: ${error.message}`, cause: error })
    }
  }
  if (images.length === 0) refuseList(name, 'the list contains no images')
  return { images, warnings }
}

/** Writes a list: full references, one a line, with a final newline. */
export function formatImageList(images: readonly Reference[]): string {
  return images.map((image) => `${formatReference(image)}\n`).join('')
}
