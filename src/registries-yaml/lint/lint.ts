import { yielding } from '../../async/yielding.ts'
import type { K3sVersion } from '../../release/version.ts'
import type { K3sFlags } from '../hosts/host-table.ts'
import type { ParsedRegistries } from '../read/parse-registries.ts'
import { oncePerPosition, readContext } from './context.ts'
import { inspectFiles } from './inspect-files.ts'
import type { Discovery, Finding } from './rule.ts'
import { readingRules, rules } from './rules.ts'

/** How a file is judged. */
export interface LintOptions extends K3sFlags {
  /** The version of K3s that reads it; default: the newest. */
  readonly version?: K3sVersion | undefined
  /** False: the files that it names are not looked at, because they are on other machines. Default: true. */
  readonly files?: boolean | undefined
  /** Permission bits of the file where nodes read it; undefined for what is no file there, as standard input or a draft. */
  readonly mode?: number | undefined
  readonly now?: Date | undefined
  readonly signal?: AbortSignal | undefined
}

/** Everything that is wrong with a registries.yaml, in the file's order. */
export async function lintRegistries(parsed: ParsedRegistries, options: LintOptions = {}): Promise<readonly Finding[]> {
  const { version, files = true, mode, now = new Date(), signal } = options
  const inspected = files ? await inspectFiles(parsed.registries, { signal }) : undefined
  const context = readContext({ parsed, flags: options, version, files: inspected, mode, now })
  const findings: Finding[] = []
  const pause = yielding(signal)
  for (const rule of parsed.problems.length > 0 ? readingRules : rules) {
    await pause()
    const discoveries: Discovery[] = []
    for (const found of rule.check(context)) {
      if (found !== undefined) discoveries.push(found)
      await pause()
    }
    for (const found of rule.isPerSection ? discoveries : oncePerPosition(discoveries)) {
      findings.push({ rule: rule.id, severity: rule.severity, ...found })
    }
  }
  return findings.toSorted((a, b) => a.position.line - b.position.line || a.position.column - b.position.column)
}
