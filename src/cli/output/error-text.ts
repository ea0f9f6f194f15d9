import type { ErrorSummary } from '../../copy/events.ts'
import { isMirrorError } from '../../errors.ts'
import { maskForeign, maskSecrets } from '../../text/secrets.ts'
import { textLine } from './flags.ts'
import type { Styles } from './styles.ts'

/** `what went wrong (CODE)`, fit to be shown. */
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

/** What a command that failed prints: `error: <what> (<code>)`, `hint: <what to do>`, with `verbose` the stack. What is no MirrorError is INTERNAL, a fault of this program. */
export function formatError(error: unknown, options: { readonly styles: Styles; readonly verbose?: boolean }): string {
  const { styles } = options
  const known = isMirrorError(error)
  const message = known ? error.message : maskSecrets(error instanceof Error ? error.message : String(error))
  const hint = known ? error.hint : 'This is a fault of k3s-mirror: please report it, with the output of the same command with --verbose.'
  const lines = [`${styles.bad('error:')} ${formatErrorLine({ code: known ? error.code : 'INTERNAL', message })}`]
  if (hint !== undefined) lines.push(`${styles.strong('hint:')} ${textLine(hint)}`)
  if (options.verbose === true && error instanceof Error) {
    lines.push(...stackLines(error).map((line) => styles.quiet(`  ${textLine(maskForeign(line))}`)))
  }
  return `${lines.join('\n')}\n`
}
