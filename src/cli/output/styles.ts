import { styleText } from 'node:util'
import type { Environment } from '../../http/proxy.ts'

/** How text looks on a stream: colours by meaning, each function the identity where colours are off, and the terminal's width. */
export interface Styles {
  /** Columns of the terminal; undefined for a file or a pipe. */
  readonly width: number | undefined
  readonly good: (text: string) => string
  readonly quiet: (text: string) => string
  readonly warning: (text: string) => string
  readonly bad: (text: string) => string
  readonly strong: (text: string) => string
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== ''
}

/** FORCE_COLOR decides first, as in Node itself; then NO_COLOR (https://no-color.org), a dumb terminal, and whether it is a terminal at all. */
function hasColors(stream: { readonly isTTY?: boolean }, env: Environment): boolean {
  const forced = env['FORCE_COLOR']
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  return stream.isTTY === true && !isSet(env['NO_COLOR']) && env['TERM'] !== 'dumb'
}

type Format = Parameters<typeof styleText>[0]

/** The styles for a stream. */
export function stylesFor(stream: { readonly isTTY?: boolean; readonly columns?: number }, env: Environment): Styles {
  const isColored = hasColors(stream, env)
  // styleText itself would look at stdout.
  const style =
    (format: Format) =>
    (text: string): string =>
      isColored ? styleText(format, text, { validateStream: false }) : text
  const width = stream.isTTY === true ? stream.columns : undefined
  return { width, good: style('green'), quiet: style('dim'), warning: style('yellow'), bad: style(['red', 'bold']), strong: style('bold') }
}

/** True for a stream that can show bars: a terminal that is not dumb, and not the log of a CI job. */
export function isLive(stream: { readonly isTTY?: boolean }, env: Environment): boolean {
  const ci = env['CI']
  return stream.isTTY === true && env['TERM'] !== 'dumb' && (!isSet(ci) || ci === 'false' || ci === '0')
}
