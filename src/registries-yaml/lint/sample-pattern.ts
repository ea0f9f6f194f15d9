import { maxPatternLength, tryParseGoRegexp } from '../go/go-regexp.ts'

const maxSamples = 64
const characters = ['x', '1', '-', '.', '_', '/', 'A']
const otherCharacters = Array.from('abcdefghijklmnopqrstuvwyz023456789BCDEFGHIJKLMNOPQRSTUVWXYZ')

/** The texts that a part of a pattern matches as a whole. */
function matching(pattern: string, texts: readonly string[]): readonly string[] {
  const whole = tryParseGoRegexp(`^(?:${pattern})$`)
  return whole === undefined ? [] : texts.filter((text) => whole.matches(text))
}

/** Walks through a pattern and collects texts that it may match. Unsupported syntax only yields texts that do not match. */
class PatternSampler {
  readonly #source: string
  readonly #words: readonly string[]
  #at = 0
  #depth = 0

  constructor(source: string, words: readonly string[]) {
    this.#source = source
    this.#words = words
  }

  alternatives(): readonly string[] {
    if (this.#depth++ > 50) this.#at = this.#source.length
    const all: string[] = []
    do all.push(...this.#sequence())
    while (this.#take('|'))
    this.#depth--
    // Keeps samples of every alternative.
    return all.slice(0, maxSamples)
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#source)
    if (match !== null) this.#at += match[0].length
    return match
  }

  #sequence(): readonly string[] {
    let texts: readonly string[] = ['']
    while (this.#at < this.#source.length && !/[|)]/.test(this.#source.charAt(this.#at))) {
      const next = this.#item()
      texts = texts.flatMap((text) => next.map((more) => text + more)).slice(0, maxSamples)
    }
    return texts
  }

  #item(): readonly string[] {
    if (this.#match(/\^|\$|\\[AzbB]/y) !== null) return ['']
    const quotation = this.#match(/\\Q([^]*?)(?:\\E|$)/y)
    if (quotation !== null) return [quotation[1] ?? '']
    if (this.#match(/\(\?[a-zA-Z-]*\)/y) !== null) return ['']
    if (this.#match(/\((?:\?(?:P?<[^>]*>|[a-zA-Z-]*:))?/y) !== null) {
      const inner = this.alternatives()
      this.#take(')')
      return this.#repeated(inner)
    }
    const set = this.#match(/\[\^?\]?(?:\[:\^?[a-z]+:\]|\\[^]|[^\]\\])*\]|\\(?:[pP](?:\{[^}]*\}|.)|x(?:\{[^}]*\}|..)|[0-7]{1,3}|[^])|\./suy)
    if (set !== null) return this.#ofSet(set[0])
    const [literal = ''] = this.#match(/[^]/uy) ?? []
    return this.#repeated([literal])
  }

  #quantifier(): string {
    return this.#match(/(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??/y)?.[0] ?? ''
  }

  #repeated(texts: readonly string[]): readonly string[] {
    const quantifier = this.#quantifier()
    if (/^[*?]/.test(quantifier)) return [...texts, '']
    const times = Number(/^\{([0-9]+)/.exec(quantifier)?.[1] ?? 1)
    return times === 0 ? [...texts, ''] : texts.map((text) => text.repeat(Math.min(times, 40)))
  }

  /** One character of a set, or a whole word if the set is repeated. */
  #ofSet(set: string): readonly string[] {
    const quantifier = this.#quantifier()
    const tried = quantifier === '' || quantifier.startsWith('?') ? characters : [...this.#words, ...characters.slice(0, 2)]
    const found = matching(set + quantifier, [...tried, ''])
    if (found.some((text) => text !== ''))
      return [...found.slice(0, quantifier === '' ? 1 : maxSamples), ...(found.includes('') ? [''] : [])]
    const times = Number(/^\{([0-9]+)/.exec(quantifier)?.[1] ?? 1)
    const [c = set.replace(/^\\/, '')] = matching(set, [...characters, ...otherCharacters])
    return [c.repeat(Math.min(times, 40))]
  }
}

/** Texts that a Go regular expression may match as a whole, with the given words for its wildcards. Some texts do not match. */
export function samplePattern(pattern: string, words: readonly string[]): readonly string[] {
  return pattern.length > maxPatternLength ? [] : [...new Set(new PatternSampler(pattern, words).alternatives())]
}
