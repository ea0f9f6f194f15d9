import type { RE2JS } from 're2js'

/** A set of texts without line breaks, as a deterministic automaton. Every state leads to a text of the set. */
export interface TextLanguage {
  readonly start: number
  /** Every character that occurs in the texts. */
  readonly alphabet: readonly string[]
  /** The state after a character; undefined where no text continues with it. */
  next(state: number, character: string): number | undefined
  /** True where a text may end. */
  isEnd(state: number): boolean
}

/** An instruction of RE2's virtual machine: https://swtch.com/~rsc/regexp/regexp2.html */
interface Instruction {
  readonly op: number
  readonly out: number
  readonly arg: number
  matchRune(codePoint: number): boolean
}

const op = { alt: 1, altMatch: 2, capture: 3, emptyWidth: 4, match: 6, nop: 7, rune: 8, rune1: 9, any: 10, anyNotNewLine: 11 } as const
const begin = 1 | 4
const end = 2 | 8
const wordBoundary = 16
const noWordBoundary = 32

// The work grows with the states, the characters and the instructions.
const maxSteps = 100_000

function isWord(character: string): boolean {
  return /^\w$/.test(character)
}

/** The assertions that hold between two characters; an empty string is the start or the end of the text. */
function assertionsBetween(before: string, after: string): number {
  const boundary = isWord(before) === isWord(after) ? noWordBoundary : wordBoundary
  return boundary | (before === '' ? begin : 0) | (after === '' ? end : 0)
}

/** What a program reaches from an instruction without a character. */
interface Reached {
  readonly isMatch: boolean
  readonly consuming: readonly Instruction[]
}

function reach(instructions: readonly Instruction[], from: number, assertions: number): Reached {
  const consuming: Instruction[] = []
  const seen = new Set([from])
  let isMatch = false
  // A set visits what is added to it meanwhile.
  for (const at of seen) {
    const instruction = instructions[at]
    if (instruction === undefined) continue
    const { op: kind, out, arg } = instruction
    if (kind === op.match) isMatch = true
    else if (kind >= op.rune && kind <= op.anyNotNewLine) consuming.push(instruction)
    else if (kind === op.alt || kind === op.altMatch) seen.add(out).add(arg)
    else if (kind === op.capture || kind === op.nop || (kind === op.emptyWidth && (arg & ~assertions) === 0)) seen.add(out)
  }
  return { isMatch, consuming }
}

function accepts(instruction: Instruction, character: string): boolean {
  return instruction.op >= op.any || instruction.matchRune(character.charCodeAt(0))
}

/** True if a pattern matches a part of one of the texts, which is decided exactly, and for a pattern too large to decide. */
export function matchesSome(compiled: RE2JS, { start, alphabet, next, isEnd }: TextLanguage): boolean {
  const { inst: instructions, start: first } = compiled.re2().prog as { readonly inst: readonly Instruction[]; readonly start: number }
  const known = new Map<string, Reached>()
  const reached = (from: number, assertions: number): Reached => {
    const key = `${from} ${assertions}`
    const found = known.get(key) ?? reach(instructions, from, assertions)
    known.set(key, found)
    return found
  }
  // A search may start at every character, so it begins anew at the program's start in each state.
  const seen = new Set<string>()
  const open: (readonly [state: number, before: string, at: number])[] = []
  const visit = (state: number, before: string, at: number): void => {
    const key = `${state} ${before === '' ? '' : isWord(before)} ${at}`
    if (!seen.has(key)) open.push([state, before, at])
    seen.add(key)
  }
  visit(start, '', first)
  let steps = 0
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    const [state, before, at] = item
    steps += alphabet.length
    if (steps > maxSteps) return true
    if (isEnd(state) && reached(at, assertionsBetween(before, '')).isMatch) return true
    for (const character of alphabet) {
      const following = next(state, character)
      if (following === undefined) continue
      const { isMatch, consuming } = reached(at, assertionsBetween(before, character))
      if (isMatch) return true
      for (const instruction of consuming) if (accepts(instruction, character)) visit(following, character, instruction.out)
      if (at === first) visit(following, character, first)
    }
  }
  return false
}
