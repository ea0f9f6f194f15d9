import { yielding } from '../async/yielding.ts'
import { MirrorError } from '../errors.ts'
import type { Reference } from '../oci/reference.ts'
import { compileGlob } from './glob.ts'

/** Which images of a selection stay. */
export interface ImageFilterOptions {
  /** Globs; when there are any, an image must match one. */
  readonly include?: readonly string[] | undefined
  /** Globs; an image that matches one goes, whatever `include` says. */
  readonly exclude?: readonly string[] | undefined
}

/** The images that stay, and a warning for each glob that matched none. */
export interface FilteredImages {
  readonly images: readonly Reference[]
  readonly warnings: readonly string[]
}

interface Glob {
  readonly option: 'include' | 'exclude'
  readonly text: string
  readonly matches: (name: string) => boolean
}

function compile(option: Glob['option'], texts: readonly string[] = []): readonly Glob[] {
  return texts.map((text) => {
    try {
      return { option, text, matches: compileGlob(text) }
    } catch (cause) {
      throw new MirrorError('USAGE', `options.${option} ${JSON.stringify(text.slice(0, 200))} is not a glob: ${(cause as Error).message}`, {
        hint: text.includes('!(') ? 'Name what is not wanted with options.exclude.' : undefined,
        cause,
      })
    }
  })
}

/** Compiles include and exclude globs on `registry/repository:tag`; throws USAGE for a glob that cannot be read. */
export function imageFilter(options: ImageFilterOptions): (images: readonly Reference[], signal?: AbortSignal) => Promise<FilteredImages> {
  const include = compile('include', options.include)
  const exclude = compile('exclude', options.exclude)
  return async (images, signal) => {
    const pause = yielding(signal)
    const idle = new Set([...include, ...exclude])
    const kept: Reference[] = []
    for (const image of images) {
      await pause()
      // a digest stands for an image that has no tag
      const name = `${image.registry}/${image.path}${image.tag === undefined ? `@${image.digest ?? ''}` : `:${image.tag}`}`
      for (const glob of idle) if (glob.matches(name)) idle.delete(glob)
      const isIncluded = include.length === 0 || include.some(({ matches }) => matches(name))
      if (isIncluded && !exclude.some(({ matches }) => matches(name))) kept.push(image)
    }
    return { images: kept, warnings: [...idle].map(({ option, text }) => `options.${option} ${JSON.stringify(text)} matches no image`) }
  }
}
