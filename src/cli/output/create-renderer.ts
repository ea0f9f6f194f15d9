import type { Environment } from '../../http/proxy.ts'
import type { Verbosity } from './event-lines.ts'
import type { Terminal } from './progress-bars.ts'
import type { OutputClock } from './renderer.ts'
import type { Renderer } from './renderer.ts'
import { isLive, stylesFor } from './styles.ts'
import { textLines } from './text-lines.ts'

/** `heartbeat` is in milliseconds, 10 000 by default; `clock` is the system's by default. */
export interface CreateRendererOptions {
  readonly env: Environment
  readonly verbosity?: Verbosity | undefined
  readonly heartbeat?: number | undefined
  readonly clock?: OutputClock | undefined
}

/** How progress is shown on this stream: bars on a live terminal, for which alone they are loaded, lines elsewhere and with `quiet`. */
export async function createRenderer(stream: Terminal, options: CreateRendererOptions): Promise<Renderer> {
  const { env, ...rest } = options
  const styled = { ...rest, styles: stylesFor(stream, env) }
  if (!isLive(stream, env) || options.verbosity === 'quiet') return textLines(stream, styled)
  const { progressBars } = await import('./progress-bars.ts')
  return progressBars(stream, styled)
}
