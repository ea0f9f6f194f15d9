import { createHash } from 'node:crypto'
import { findCertainFixes } from '../fix/fix-registries.ts'
import { parseWritten } from '../read/parse-registries.ts'
import { scalarEnds } from '../read/scalar-ends.ts'
import type { Position } from '../registries.ts'
import { shownPath } from '../shown-text.ts'
import type { Finding, Severity } from './rule.ts'
import { textPositions } from './text-positions.ts'

/** Text that replaces a range of the file. Columns are UTF-16 code units from 1, without a byte order mark; the end is the position after the range. */
export interface LintChange {
  /** The line of the first character. */
  readonly line: number
  /** The column of the first character. */
  readonly column: number
  /** The line of the position after the range. */
  readonly endLine: number
  /** The column of the position after the range. */
  readonly endColumn: number
  /** The new text; empty to delete the range. */
  readonly text: string
}

/** One finding of `registries lint`. */
export interface LintFinding {
  /** The rule, a stable id: docs/lint-rules.md. */
  readonly rule: string
  /** Error: nodes do not do what the file says. Warning: sometimes they do not, or not safely. Info: worth knowing. */
  readonly severity: Severity
  /** The line of the key or value, from 1. */
  readonly line: number
  /** The column of the key or value: UTF-16 code units from 1, without a byte order mark. */
  readonly column: number
  /** The line of the position after the key or value; missing where it is not on one line. */
  readonly endLine?: number
  /** The column of the position after the key or value. */
  readonly endColumn?: number
  /** The problem, without secrets. */
  readonly message: string
  /** What to change. */
  readonly fix: string
  /** Identifies the finding in other versions of the file, also where its line has moved: made of the rule and the keys above it. */
  readonly fingerprint: string
  /** The changes that make the fix, where its effect is certain; `--fix` applies them. */
  readonly edits?: readonly LintChange[]
}

/** A finding that `--fix` has fixed. */
export type FixedFinding = Pick<LintFinding, 'rule' | 'severity' | 'line' | 'column' | 'message' | 'fix'>

/** The number of findings of each severity. */
export interface LintTotals {
  /** Findings that are errors. */
  readonly errors: number
  /** Findings that are warnings. */
  readonly warnings: number
  /** Findings that are infos. */
  readonly infos: number
}

/** The document of `registries lint --output json`. */
export interface LintReport {
  /** Rises when a field changes its meaning or disappears; new fields do not raise it. */
  readonly schemaVersion: 1
  /** Always `registries lint`. */
  readonly command: 'registries lint'
  /** The file as it was named; `-` is standard input. */
  readonly file: string
  /** In the order of the file. */
  readonly findings: readonly LintFinding[]
  /** The findings that `--fix` has fixed, with their positions before. */
  readonly fixed?: readonly FixedFinding[]
  /** The number of findings of each severity. */
  readonly totals: LintTotals
}

/** What a finding is about, without a position. */
function subjectOf(rule: string, path: readonly (string | number)[]): string {
  return createHash('sha256')
    .update(`${rule}\n${shownPath(path)}`)
    .digest('hex')
    .slice(0, 16)
}

/** The findings about a text as a document. The text may contain secrets, the document does not. */
export function lintReport(file: string, text: string, found: readonly Finding[], fixed?: readonly Finding[]): LintReport {
  const { parsed, document } = parseWritten(text, file)
  const { positionAt, offsetOf } = textPositions(text)
  const ends = scalarEnds(document)
  const fixes = new Map(findCertainFixes(text, found).map(({ finding, changes }) => [finding, changes]))
  const seen = new Map<string, number>()
  const endOf = (position: Position): Position | undefined => {
    const end = ends.get(offsetOf(position))
    const after = end === undefined ? undefined : positionAt(end)
    return after?.line === position.line && after.column > position.column ? after : undefined
  }
  const findings = found.map((finding): LintFinding => {
    const { rule, severity, position, message, fix } = finding
    const subject = subjectOf(rule, parsed.pathAt(position))
    const count = (seen.get(subject) ?? 0) + 1
    seen.set(subject, count)
    const end = endOf(position)
    const edits = fixes.get(finding)?.map((change): LintChange => {
      const [from, to] = [positionAt(change.start), positionAt(change.end)]
      return { ...from, endLine: to.line, endColumn: to.column, text: change.text }
    })
    return {
      rule,
      severity,
      ...position,
      ...(end !== undefined && { endLine: end.line, endColumn: end.column }),
      message,
      fix,
      fingerprint: `${subject}:${count}`,
      ...(edits !== undefined && { edits }),
    }
  })
  const count = (wanted: Severity): number => found.filter(({ severity }) => severity === wanted).length
  const totals = { errors: count('error'), warnings: count('warning'), infos: count('info') }
  return {
    schemaVersion: 1,
    command: 'registries lint',
    file,
    findings,
    ...(fixed && {
      fixed: fixed.map(({ rule, severity, position, message, fix }) => ({ rule, severity, ...position, message, fix })),
    }),
    totals,
  }
}
