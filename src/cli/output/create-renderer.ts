import type { Environment } from '../../http/proxy.ts'
import type { Terminal } from './progress-bars.ts'
import type { Renderer, RendererOptions } from './renderer.ts'
import { isLive, stylesFor } from './styles.ts'
import { textLines } from './text-lines.ts'

/** How progress is shown on this stream: bars on a live terminal, for which alone they are loaded, lines elsewhere and with `quiet`. */
export async function createRenderer(
  stream: Terminal,
  { env, ...options }: Omit<RendererOptions, 'styles'> & { readonly env: Environment },
): Promise<Renderer> {
  const styled = { ...options, styles: stylesFor(stream, env) }
  if (!isLive(stream, env) || options.verbosity === 'quiet') return textLines(stream, styled)
  const { progressBars } = await import('./progress-bars.ts')
  return progressBars(stream, styled)
}
