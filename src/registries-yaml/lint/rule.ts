import type { Position } from '../registries.ts'
import type { LintContext } from './context.ts'

/** An error: nodes will not do what the file says. A warning: they may not, or not safely. A remark: worth knowing. */
export type Severity = 'error' | 'warning' | 'info'

/** What a rule found at one position; sentences without any secret. */
export interface Discovery {
  readonly position: Position
  readonly message: string
  /** What to do about it. */
  readonly fix: string
  /** Where it is not the rule's own. */
  readonly severity?: Severity
}

/** One thing that can be wrong with a registries.yaml. */
export interface Rule {
  /** As its file is called. */
  readonly id: string
  readonly severity: Severity
  /** What is wrong, in a few words. */
  readonly title: string
  /** For the documentation: what happens and why, in a few sentences of Markdown. */
  readonly about: string
  /** A key that `mirrors` and `configs` share through an alias is reported for both; otherwise a position is reported once. */
  readonly isPerSection?: true
  /** What is found, in any order; undefined counts for nothing. */
  check(context: LintContext): Iterable<Discovery | undefined>
}

/** A discovery with the rule that made it. */
export interface Finding extends Required<Discovery> {
  readonly rule: string
}
