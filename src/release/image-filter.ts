import { RE2JS } from 're2js'
import { yielding } from '../async/yielding.ts'
import { MirrorError } from '../errors.ts'
import type { Reference } from '../oci/reference.ts'
import type { NotedImages } from './image-list.ts'

const maxLength = 4096
const maxDepth = 20

const tokens =
  /\\[^]|(?<=^|[/{(,|])\*\*\/|\/\*\*(?=$|[,}|)])|\*+(?!\()|\[[!^]?\]?(?:\[:[a-z]+:\]|\\[^]|[^\]\\])*(?:\]|$)|\{\w\.\.\w\}|[*+?@!]\(|[^]/gu

/** A set of characters as regular expressions write it; a negated one does not match the "/" between parts of a name. */
function translateSet(token: string): string {
  const [, negation = '', set = ''] = /^\[([!^]?)([^]*)\]$/.exec(token) ?? []
  if (set === '') throw new Error('a "[" is not closed')
  const escaped = set.replace(/\[:[a-z]+:\]|\\[^]|[[\]]/g, (c) => (c.length > 2 ? c : `\\${c.at(-1)}`))
  return negation === '' ? `[${escaped}]` : `[^/${escaped}]`
}

/** A glob in RE2 syntax, where no pattern takes more than linear time. */
function translate(glob: string): string {
  let source = ''
  const groups: { readonly separator: string; readonly end: string; readonly written: string }[] = []
  const open = (separator: string, end: string, written: string): string => {
    if (groups.push({ separator, end, written }) > maxDepth) throw new Error(`groups are nested more than ${maxDepth} deep`)
    return '(?:'
  }
  const translateToken = (token: string): string => {
    const group = groups.at(-1)
    if (token === group?.separator) return '|'
    if (token === group?.end) return `)${groups.pop()?.written}`
    if (token === '**/') return '(?:.*/)?'
    if (token === '/**') return '(?:/.*)?'
    if (token.startsWith('*') && !token.endsWith('(')) return '.*'
    if (token === '?') return '[^/]'
    if (token.startsWith('[')) return translateSet(token)
    if (token === '{') return open(',', '}', '')
    if (token.startsWith('{')) return `[${token.charAt(1)}-${token.charAt(4)}]`
    if (token === '!(') throw new Error('"!(…)" is not supported')
    if (token.endsWith('(') && !token.startsWith('\\')) return open('|', ')', /^[*+?]/.exec(token)?.[0] ?? '')
    return RE2JS.quote(token.length > 1 && token.startsWith('\\') ? token.slice(1) : token)
  }
  for (const [token] of glob.matchAll(tokens)) source += translateToken(token)
  const unclosed = groups.at(-1)
  if (unclosed !== undefined) throw new Error(`a "${unclosed.end === '}' ? '{' : '('}" is not closed`)
  return source
}

/** Compiles a glob with `*` ("/" included), `?`, `**`, `[a-z]`, `{a,b}`, `@(a|b)` and the like, negated by a leading `!`; throws an Error with the reason. */
export function compileGlob(glob: string): (name: string) => boolean {
  if (glob === '') throw new Error('it is empty')
  if (glob.length > maxLength) throw new Error(`it is longer than ${maxLength} characters`)
  const [negations = ''] = /^(?:!(?!\())*/.exec(glob) ?? []
  const compiled = RE2JS.compile(translate(glob.slice(negations.length)))
  return negations.length % 2 === 0 ? (name) => compiled.testExact(name) : (name) => !compiled.testExact(name)
}

/** Which images of a selection stay. */
export interface ImageFilterOptions {
  /** Globs; when there are any, an image must match one. */
  readonly include?: readonly string[] | undefined
  /** Globs; an image that matches one goes, whatever `include` says. */
  readonly exclude?: readonly string[] | undefined
}

function compile(option: 'include' | 'exclude', texts: readonly string[] = []) {
  return texts.map((text) => {
    try {
      return { option, text, matches: compileGlob(text) }
    } catch (cause) {
      throw new MirrorError('USAGE', `options.${option} ${JSON.stringify(text.slice(0, 200))} is not a glob: ${(cause as Error).message}`, {
        hint: text.includes('!(') ? 'pass the unwanted images with options.exclude' : undefined,
        cause,
      })
    }
  })
}

/** Compiles include and exclude globs on `registry/repository:tag` into what leaves the images that stay, and warns of globs that match none; throws USAGE for a glob that cannot be read. */
export function imageFilter(options: ImageFilterOptions): (images: readonly Reference[], signal?: AbortSignal) => Promise<NotedImages> {
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
