import { yielding } from '../../async/yielding.ts'
import type { K3sVersion } from '../../release/version.ts'
import type { K3sFlags } from '../hosts/k3s-flags.ts'
import type { ParsedRegistries } from '../read/parse-registries.ts'
import type { Position } from '../registries.ts'
import { oncePerPosition, readContext, unreadableProblem, type LintContext } from './context.ts'
import { inspectFiles, type LocateFile } from './inspect-files.ts'
import type { Discovery, Finding, Judge, Rule } from './rule.ts'
import { readingRules, rules } from './rules.ts'

/** The node and the rules' inputs that the file itself does not contain. */
export interface LintOptions extends K3sFlags {
  /** The version of K3s that reads the file; default: the newest. */
  readonly version?: K3sVersion | undefined
  /** `--system-default-registry`, from which nodes pull K3s' own images. */
  readonly systemDefaultRegistry?: string | undefined
  /** False: do not inspect the TLS files, because they are on other machines. Default: true. */
  readonly files?: boolean | undefined
  /** Where this machine has the TLS files; default: at the same paths. */
  readonly locate?: LocateFile | undefined
  /** Permission bits of the file on a node; undefined for standard input and drafts. */
  readonly mode?: number | undefined
  readonly now?: Date | undefined
  readonly signal?: AbortSignal | undefined
}

function* discoveries(rule: Rule, context: LintContext): Iterable<Discovery | undefined> {
  function* judged<T extends { readonly position: Position }>(
    things: readonly T[],
    judge: Judge<T> | undefined,
  ): Iterable<Discovery | undefined> {
    if (judge === undefined) return
    for (const thing of things) {
      const found = judge(thing, context)
      yield found && { position: thing.position, ...found }
    }
  }
  yield* judged(context.parsed.remarks, rule.remark)
  yield* judged(context.keys, rule.key)
  yield* judged(context.distinctEndpoints, rule.endpoint)
  yield* judged([...context.rewrites.values()].flat(), rule.rewrite)
  yield* judged(context.auths, rule.auth)
  yield* judged(context.tls, rule.tls)
  yield* judged(context.namedFiles, rule.file)
  yield* rule.check?.(context) ?? []
}

/** Returns all findings about a registries.yaml, in the file's order. */
export async function lintRegistries(parsed: ParsedRegistries, options: LintOptions = {}): Promise<readonly Finding[]> {
  const { version, systemDefaultRegistry, files = true, locate, mode, now = new Date(), signal } = options
  const inspected = files ? await inspectFiles(parsed.registries, { locate, signal }) : undefined
  const context = readContext({ parsed, flags: options, version, systemDefaultRegistry, files: inspected, mode, now })
  const findings: Finding[] = []
  const pause = yielding(signal)
  for (const [id, rule] of Object.entries(unreadableProblem(parsed) === undefined ? rules : readingRules)) {
    await pause()
    const all: Discovery[] = []
    for (const found of discoveries(rule, context)) {
      if (found !== undefined) all.push(found)
      await pause()
    }
    for (const found of rule.isPerSection ? all : oncePerPosition(all))
      findings.push({ rule: id, severity: rule.severity ?? 'error', ...found })
  }
  return findings.toSorted((a, b) => a.position.line - b.position.line || a.position.column - b.position.column)
}
