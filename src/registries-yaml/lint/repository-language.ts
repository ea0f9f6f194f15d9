import type { TextLanguage } from '../go/text-language.ts'

const lower = Array.from('abcdefghijklmnopqrstuvwxyz0123456789')
const upper = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ')
const separators = ['.', '_', '-', '/']

/** Which names a language has besides valid repositories of a registry. */
export interface RepositoryNames {
  /** Every name has two parts at least, because Docker Hub's images without a namespace are in `library`. */
  readonly hasNamespace: boolean
  /** Letters of both cases. */
  readonly mixedCase?: boolean
  /** The first parts that no name has, such as the registry itself. */
  readonly without?: readonly string[]
}

// The states of the grammar of repositories: https://github.com/distribution/reference/blob/v0.6.0/reference.go
const partStart = 0
const inPart = 1
const afterSeparator = 2
const afterUnderscore = 3
const afterHyphen = 4
const states = 5

/** The next state within a part of a name. */
function nextInPart(state: number, character: string): number | undefined {
  if (/[a-z0-9]/i.test(character)) return inPart
  if (state === inPart) return { '.': afterSeparator, _: afterUnderscore, '-': afterHyphen }[character]
  if (state === afterUnderscore && character === '_') return afterSeparator
  return state === afterHyphen && character === '-' ? afterHyphen : undefined
}

/** The repositories of a registry: state = position in the grammar, and whether a slash was read. */
function repositories({ hasNamespace, mixedCase = false }: RepositoryNames): TextLanguage {
  return {
    start: partStart,
    alphabet: [...lower, ...(mixedCase ? upper : []), ...separators],
    next: (state, character) => {
      const part = state % states
      if (character === '/') return part === inPart ? partStart + states : undefined
      const following = nextInPart(part, character)
      return following === undefined ? undefined : following + (state - part)
    },
    isEnd: (state) => state % states === inPart && (!hasNamespace || state > states),
  }
}

/** The texts of a language that do not begin with a prefix. */
function withoutPrefix(language: TextLanguage, prefix: string): TextLanguage {
  const width = prefix.length + 1
  return {
    ...language,
    start: language.start * width,
    next: (state, character) => {
      // How much of the prefix was read; its length once the text differs from it.
      const read = state % width
      const following = language.next(Math.floor(state / width), character)
      const isDifferent = read === prefix.length || prefix[read] !== character
      if (following === undefined || (!isDifferent && read + 1 === prefix.length)) return undefined
      return following * width + (isDifferent ? prefix.length : read + 1)
    },
    isEnd: (state) => language.isEnd(Math.floor(state / width)),
  }
}

/** The valid repositories of a registry, without its name: the texts that containerd matches rewrites against. */
export function repositoryLanguage(names: RepositoryNames): TextLanguage {
  return (names.without ?? []).reduce((language, part) => withoutPrefix(language, `${part}/`), repositories(names))
}
