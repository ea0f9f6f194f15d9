import type { ErrorSummary } from '../../copy/events.ts'
import { isMirrorError } from '../../errors.ts'
import { maskForeign, maskSecrets } from '../../text/secrets.ts'
import { textLine } from './flags.ts'
import type { Styles } from './styles.ts'

/** `what went wrong (CODE)`, safe to print on one line. */
export function formatErrorLine(error: Pick<ErrorSummary, 'code' | 'message'>): string {
  return `${textLine(error.message)} (${error.code})`
}

function stackLines(error: Error): string[] {
  const lines: string[] = []
  for (let next: unknown = error, depth = 0; next instanceof Error && depth < 5; next = next.cause, depth++) {
    const stack = next.stack ?? String(next)
    lines.push(...(depth === 0 ? stack : `caused by ${stack}`).split('\n'))
  }
  return lines
}

/** The output of a command that failed: `error: <what> (<code>)`, `hint: <what to do>`, with `verbose` the stack. Any other error than a MirrorError is INTERNAL, a bug. */
export function formatError(error: unknown, options: { readonly styles: Styles; readonly verbose?: boolean }): string {
  const { styles } = options
  const known = isMirrorError(error)
  const message = known ? error.message : maskSecrets(error instanceof Error ? error.message : String(error))
  const hint = known ? error.hint : 'this is a bug in k3s-mirror: report it with the output of the same command with --verbose'
  const lines = [`${styles.bad('error:')} ${formatErrorLine({ code: known ? error.code : 'INTERNAL', message })}`]
  if (hint !== undefined) lines.push(`${styles.strong('hint:')} ${textLine(hint)}`)
  if (options.verbose === true && error instanceof Error) {
    lines.push(...stackLines(error).map((line) => styles.quiet(`  ${textLine(maskForeign(line))}`)))
  }
  return `${lines.join('\n')}\n`
}
