import type { K3sVersion } from '../../release/version.ts'
import type { HostTable, K3sFlags } from '../hosts/host-table.ts'
import type { ParsedRegistries } from '../read/parse-registries.ts'
import type { Position } from '../registries.ts'
import type { InspectedFile } from './inspect-files.ts'

/** An error: nodes will not do what the file says. A warning: they may not, or not safely. A remark: worth knowing. */
export type Severity = 'error' | 'warning' | 'info'

/** Everything that rules look at. */
export interface LintContext {
  readonly parsed: ParsedRegistries
  /** What K3s makes of the file with these flags. */
  readonly table: HostTable
  readonly flags: K3sFlags
  /** Undefined: the newest. */
  readonly version: K3sVersion | undefined
  /** The files that `tls` names, by path; undefined where they are not to be looked at. */
  readonly files: ReadonlyMap<string, InspectedFile> | undefined
  /** Permission bits of the file itself; undefined where it has none. */
  readonly mode: number | undefined
  /** For certificates. */
  readonly now: Date
}

/** What a rule found in one place; sentences without any secret. */
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
  check(context: LintContext): Iterable<Discovery>
}

/** A discovery with the rule that made it. */
export interface Finding extends Required<Discovery> {
  readonly rule: string
}
