import type { Remark } from '../read/decode-yaml.ts'
import type { Position } from '../registries.ts'
import type { LintContext, NamedFile, WrittenAuth, WrittenEndpoint, WrittenKey, WrittenTls, WrittenRewrite } from './context.ts'

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

/** Judges one thing of the file; undefined where nothing is wrong with it. What is found stands where the thing does, if nothing else is said. */
export type Judge<T> = (thing: T, context: LintContext) => (Omit<Discovery, 'position'> & Partial<Discovery>) | undefined

/** One thing that can be wrong with a registries.yaml. */
export interface Rule {
  /** Default: error. */
  readonly severity?: Severity
  /** What is wrong, in a few words. */
  readonly title: string
  /** For the documentation: what happens and why, in a few sentences of Markdown. */
  readonly about: string
  /** A key that `mirrors` and `configs` share through an alias is reported for both; otherwise a position is reported once. */
  readonly isPerSection?: true
  readonly remark?: Judge<Remark>
  readonly key?: Judge<WrittenKey>
  /** For an endpoint that several mirrors share through an alias once, with the first of them. */
  readonly endpoint?: Judge<WrittenEndpoint>
  readonly rewrite?: Judge<WrittenRewrite>
  readonly auth?: Judge<WrittenAuth>
  readonly tls?: Judge<WrittenTls>
  readonly file?: Judge<NamedFile>
  /** For what no judge of a single thing can say: what is found, in any order; undefined counts for nothing. */
  check?(context: LintContext): Iterable<Discovery | undefined>
}

/** A discovery with the rule that made it. */
export interface Finding extends Required<Discovery> {
  readonly rule: string
}
