import type { Environment } from '../../http/proxy.ts'
import type { Terminal } from './progress-bars.ts'
import type { Renderer, RendererOptions } from './renderer.ts'
import { isLive, stylesFor } from './styles.ts'
import { textLines } from './text-lines.ts'

/** How progress is shown on this stream: bars, which are loaded only then, on a live terminal; lines elsewhere, with `quiet` and without `progress`. */
export async function createRenderer(
  stream: Terminal,
  { env, progress = true, ...options }: Omit<RendererOptions, 'styles'> & { readonly env: Environment; readonly progress?: boolean },
): Promise<Renderer> {
  const styled = { ...options, styles: stylesFor(stream, env) }
  if (!progress || !isLive(stream, env) || options.verbosity === 'quiet') return textLines(stream, styled)
  const { progressBars } = await import('./progress-bars.ts')
  return progressBars(stream, styled)
}
