import { structuredPatch } from 'diff'
import { hideValues } from '../../registries-yaml/fix/hide-values.ts'
import { withoutControls } from '../../text/printable.ts'
import { redactUserinfo } from '../../text/redact.ts'
import type { Styles } from './styles.ts'

/** The changed lines of a registries.yaml as a unified diff without context, and without values that may be secrets; empty for equal texts. */
export function formatFixDiff(file: string, before: string, after: string, { good, bad, strong }: Styles): string {
  const { hunks } = structuredPatch(file, file, hideValues(before), hideValues(after), undefined, undefined, { context: 0 })
  if (hunks.length === 0) return ''
  const name = withoutControls(file === '-' ? 'stdin' : file)
  const lines = hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines: changed }) => [
    strong(`@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`),
    ...changed.map((line) => (line.startsWith('+') ? good : bad)(withoutControls(redactUserinfo(line.replace(/\r$/, ''))))),
  ])
  return `${[strong(`--- ${name}`), strong(`+++ ${name}`), ...lines].join('\n')}\n`
}
