import { lintRegistries, type LintOptions } from '../lint/lint.ts'
import type { Finding } from '../lint/rule.ts'
import { parseRegistries, parseWritten } from '../read/parse-registries.ts'
import { applyTextEdits, type Edit, type TextEdit } from './edit.ts'
import { meansTheSame } from './meaning.ts'
import { textEditsOf, type WrittenFile } from './text-edits.ts'

/** A finding with a fix whose effect is exactly what the finding announces. */
export interface CertainFix {
  readonly finding: Finding
  readonly edit: Edit
  /** The changes of the text; they overlap with those of no other fix. */
  readonly changes: readonly TextEdit[]
}

/** A file after its certain fixes. */
export interface FixedRegistries {
  readonly text: string
  readonly fixed: readonly CertainFix[]
}

/** Characters to parse at most to find out which fixes are certain. */
const mostParsed = 4_000_000
/** A fix can reveal further findings, such as those below a key that K3s did not know. */
const mostRounds = 10

/** The fixes that a text can have at once, without overlaps. */
function possibleFixes(file: WrittenFile, findings: readonly Finding[]): readonly CertainFix[] {
  const possible: CertainFix[] = []
  const seen = new Set<number>()
  for (const finding of findings) {
    const { edit } = finding
    const changes = edit && textEditsOf(file, edit)
    // Two edits of one key or value overlap in its first character.
    if (edit === undefined || changes === undefined || changes.some(({ start }) => seen.has(start))) continue
    for (const { start } of changes) seen.add(start)
    possible.push({ finding, edit, changes })
  }
  const removed = possible.flatMap(({ edit, changes }) => (edit.kind === 'remove' ? changes : []))
  const isRemoved = ({ edit, changes }: CertainFix): boolean =>
    edit.kind !== 'remove' && changes.some(({ start }) => removed.some((range) => range.start <= start && start < range.end))
  return possible.filter((fix) => !isRemoved(fix))
}

/** Finds the fixes that, applied together, change nothing but what their findings announce. Returns them in the order of the findings. */
export function findCertainFixes(text: string, findings: readonly Finding[]): readonly CertainFix[] {
  if (findings.every(({ edit }) => edit === undefined)) return []
  const file: WrittenFile = { text, ...parseWritten(text, '') }
  const certain: CertainFix[] = []
  let parsed = 0
  const tryAll = (fixes: readonly CertainFix[]): void => {
    if (fixes.length === 0 || parsed > mostParsed) return
    const all = [...certain, ...fixes]
    const changed = applyTextEdits(
      text,
      all.flatMap(({ changes }) => changes),
    )
    parsed += changed.length
    if (
      meansTheSame(
        file.parsed,
        parseRegistries(changed, ''),
        all.map(({ edit }) => edit),
      )
    )
      certain.push(...fixes)
    else if (fixes.length > 1) {
      const half = Math.ceil(fixes.length / 2)
      tryAll(fixes.slice(0, half))
      tryAll(fixes.slice(half))
    }
  }
  tryAll(possibleFixes(file, findings))
  return certain
}

/** Applies the certain fixes of findings about this text, and changes no other character. Findings without a certain fix are ignored. */
export function fixRegistries(text: string, findings: readonly Finding[]): FixedRegistries {
  const fixed = findCertainFixes(text, findings)
  return {
    text: applyTextEdits(
      text,
      fixed.flatMap(({ changes }) => changes),
    ),
    fixed,
  }
}

/** Lints and fixes a text until no certain fix is left. Returns the findings that remain, and the fixed ones as they were when they were fixed. */
export async function lintAndFix(
  text: string,
  path: string,
  options: LintOptions = {},
): Promise<{ readonly text: string; readonly fixed: readonly Finding[]; readonly findings: readonly Finding[] }> {
  const all: Finding[] = []
  for (let round = 1; ; round++) {
    const findings = await lintRegistries(parseRegistries(text, path), options)
    const { text: next, fixed } = fixRegistries(text, findings)
    if (fixed.length === 0 || round === mostRounds) return { text, fixed: all, findings }
    all.push(...fixed.map(({ finding }) => finding))
    text = next
  }
}
