import { yielding } from '../../async/yielding.ts'
import type { K3sVersion } from '../../release/version.ts'
import { buildHostTable, type K3sFlags } from '../hosts/host-table.ts'
import type { ParsedRegistries } from '../read/parse-registries.ts'
import { inspectFiles } from './inspect-files.ts'
import type { Finding, LintContext } from './rule.ts'
import { rules } from './rules.ts'

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
  const { registries } = parsed
  const context: LintContext = {
    parsed,
    table: buildHostTable(registries, options),
    flags: options,
    version,
    files: files ? await inspectFiles(registries, { signal }) : undefined,
    mode,
    now,
  }
  const findings: Finding[] = []
  const pause = yielding(signal)
  for (const rule of rules) {
    await pause()
    for (const found of rule.check(context)) {
      findings.push({ rule: rule.id, severity: rule.severity, ...found })
      await pause()
    }
  }
  return findings.toSorted((a, b) => a.position.line - b.position.line || a.position.column - b.position.column)
}
