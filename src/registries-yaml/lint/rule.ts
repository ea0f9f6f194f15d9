import type { Edit } from '../fix/edit.ts'
import type { Remark } from '../read/decode-yaml.ts'
import type { Position } from '../registries.ts'
import type { LintContext, NamedFile, WrittenAuth, WrittenEndpoint, WrittenKey, WrittenTls, WrittenRewrite } from './context.ts'

/** Error: nodes do not do what the file says. Warning: sometimes they do not, or not safely. Info: worth knowing. */
export type Severity = 'error' | 'warning' | 'info'

/** One problem at one position, described without secrets. */
export interface Discovery {
  readonly position: Position
  readonly message: string
  /** What to change: an imperative in lower case. */
  readonly fix: string
  /** Default: the rule's own. */
  readonly severity?: Severity
  /** The change that `fix` describes, if it could be certain; it is applied only where it has no other effect. */
  readonly edit?: Edit | undefined
}

/** Checks one item of the file. Returns undefined if nothing is wrong; the position defaults to the item's own. */
export type Judge<T> = (thing: T, context: LintContext) => (Omit<Discovery, 'position'> & Partial<Discovery>) | undefined

/** One kind of problem in a registries.yaml. */
export interface Rule {
  /** Default: error. */
  readonly severity?: Severity
  /** The problem in a few words. */
  readonly title: string
  /** For the documentation: what happens and why, in a few sentences of Markdown. */
  readonly about: string
  /** Report a key twice that `mirrors` and `configs` share through an alias; other positions are reported once. */
  readonly isPerSection?: true
  readonly remark?: Judge<Remark>
  readonly key?: Judge<WrittenKey>
  /** Gets an endpoint that several mirrors share through an alias once, with the first of them. */
  readonly endpoint?: Judge<WrittenEndpoint>
  readonly rewrite?: Judge<WrittenRewrite>
  readonly auth?: Judge<WrittenAuth>
  readonly tls?: Judge<WrittenTls>
  readonly file?: Judge<NamedFile>
  /** For problems that involve several items. Returns them in any order; undefined entries are skipped. */
  check?(context: LintContext): Iterable<Discovery | undefined>
}

/** A discovery with the id of its rule. */
export interface Finding extends Required<Omit<Discovery, 'edit'>>, Pick<Discovery, 'edit'> {
  readonly rule: string
}
