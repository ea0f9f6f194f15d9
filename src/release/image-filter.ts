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

/** Applies the globs to images; each glob that matched nothing is told of. */
export type ImageFilter = (images: readonly Reference[]) => { readonly images: readonly Reference[]; readonly warnings: readonly string[] }

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
      throw new MirrorError('USAGE', `--${option} ${JSON.stringify(text.slice(0, 200))} is not a glob: ${(cause as Error).message}`, {
        hint: text.includes('!(') ? 'Name what is not wanted with --exclude.' : undefined,
        cause,
      })
    }
  })
}

/** What globs see of an image: `registry/repository:tag`, or its digest where it has no tag. */
function globName({ registry, path, tag, digest }: Reference): string {
  const version = tag === undefined ? `@${digest ?? ''}` : `:${tag}`
  return `${registry}/${path}${version}`
}

/** Compiles include and exclude globs on `registry/repository:tag`; throws USAGE for a glob that cannot be read. */
export function imageFilter(options: ImageFilterOptions): ImageFilter {
  const include = compile('include', options.include)
  const exclude = compile('exclude', options.exclude)
  return (images) => {
    const names = images.map(globName)
    const matching = (globs: readonly Glob[], name: string): boolean => globs.some(({ matches }) => matches(name))
    const kept = images.filter((_image, index) => {
      const name = names[index] ?? ''
      return (include.length === 0 || matching(include, name)) && !matching(exclude, name)
    })
    const idle = [...include, ...exclude].filter(({ matches }) => !names.some((name) => matches(name)))
    return { images: kept, warnings: idle.map(({ option, text }) => `--${option} ${JSON.stringify(text)} matches no image`) }
  }
}
