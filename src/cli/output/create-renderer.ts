import type { Environment } from '../../http/proxy.ts'
import type { Terminal } from './progress-bars.ts'
import type { Renderer, RendererOptions } from './renderer.ts'
import { isLive, stylesFor } from './styles.ts'
import { textLines } from './text-lines.ts'

/** Shows progress on this stream: as bars on a live terminal unless `progress` is false, otherwise as lines. Bars are loaded only where they are shown. */
export async function createRenderer(
  stream: Terminal,
  {
    env,
    progress = true,
    ...options
  }: Omit<RendererOptions, 'styles'> & { readonly env: Environment; readonly progress?: boolean | undefined },
): Promise<Renderer> {
  const styled = { ...options, styles: stylesFor(stream, env) }
  if (!progress || !isLive(stream, env) || options.verbosity === 'quiet') return textLines(stream, styled)
  const { progressBars } = await import('./progress-bars.ts')
  return progressBars(stream, styled)
}
