import { styleText } from 'node:util'
import type { Environment } from '../../http/proxy.ts'

/** Colours by what they say; each function is the identity where colours are off. */
export interface Styles {
  readonly good: (text: string) => string
  readonly quiet: (text: string) => string
  readonly warning: (text: string) => string
  readonly bad: (text: string) => string
  readonly strong: (text: string) => string
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== ''
}

/** FORCE_COLOR decides first, as in Node itself; then NO_COLOR (https://no-color.org), a dumb terminal, and whether it is one at all. */
function hasColors(stream: { readonly isTTY?: boolean }, env: Environment): boolean {
  const forced = env['FORCE_COLOR']
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  return stream.isTTY === true && !isSet(env['NO_COLOR']) && env['TERM'] !== 'dumb'
}

type Format = Parameters<typeof styleText>[0]

/** The styles for a stream. */
export function stylesFor(stream: { readonly isTTY?: boolean }, env: Environment): Styles {
  const isColored = hasColors(stream, env)
  // The stream was judged above; styleText would judge stdout.
  const style =
    (format: Format) =>
    (text: string): string =>
      isColored ? styleText(format, text, { validateStream: false }) : text
  return { good: style('green'), quiet: style('dim'), warning: style('yellow'), bad: style(['red', 'bold']), strong: style('bold') }
}

/** True where bars can move: a terminal that is not dumb, and no CI log. */
export function isLive(stream: { readonly isTTY?: boolean }, env: Environment): boolean {
  const ci = env['CI']
  return stream.isTTY === true && env['TERM'] !== 'dumb' && (!isSet(ci) || ci === 'false' || ci === '0')
}
