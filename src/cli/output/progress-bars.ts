import cliProgress from 'cli-progress'
import type { RunTally } from '../../report/run-tally.ts'
import { safeLine } from '../../text/printable.ts'
import { BarLayout } from './bar-layout.ts'
import { outputClock, type Renderer, type RendererOptions } from './renderer.ts'
import { runView } from './run-view.ts'
import { textWidth } from './shorten-name.ts'
import { progressParts } from './text-lines.ts'

/** What the bars need of a terminal; `process.stderr` is one. */
export interface Terminal extends NodeJS.WritableStream {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

const mostImageLines = 12
const eraseBelow = '\u001B[J'
const wrapOn = '\u001B[?7h'
const wrapOff = '\u001B[?7l'

/** The total's line, the images in flight that fit, and an empty line for the cursor, because terminals differ in wrapping the last one. */
function linesWanted({ rows = 24 }: Terminal, { inFlight }: RunTally): number {
  return 2 + Math.max(0, Math.min(mostImageLines, rows - 4, inFlight.size))
}

function lineAt(
  index: number,
  lines: number,
  tally: RunTally,
  { layout, now }: { readonly layout: BarLayout; readonly now: number },
): string {
  if (index === lines - 1) return ''
  if (index > 0) {
    const image = [...tally.inFlight.values()][index - 1]
    return image === undefined ? '' : layout.image(safeLine(image.image), image.done, image.size)
  }
  const more = tally.inFlight.size - (lines - 2)
  const parts = [...progressParts(tally, now), ...(more > 0 ? [`${more} more in progress`] : [])]
  return layout.total(parts, tally.bytesDone, tally.bytesExpected)
}

/** Live bars for the whole run and the images in flight; a finished image scrolls up as one line. The cursor is restored however the process ends. */
export function progressBars(terminal: Terminal, options: RendererOptions): Renderer {
  const { clock = outputClock } = options
  const view = runView(options)
  const { tally } = view
  let drawn: cliProgress.SingleBar[] = []
  let widths: number[] = []
  let pending: string[] = []
  let longestName = 0
  let isShrinking = false
  let isOver = false

  const columns = (): number => terminal.columns ?? 80
  const wanted = (): number => linesWanted(terminal, tally)

  const create = (index: number): cliProgress.SingleBar => {
    const format = (): string => {
      const layout = new BarLayout(columns(), longestName)
      const line = lineAt(index, drawn.length, tally, { layout, now: clock.now() })
      widths = [...widths.slice(0, index), textWidth(line)]
      return line
    }
    return bars.create(1, 0, {}, { format })
  }

  const grow = (): void => {
    while (drawn.length < wanted()) drawn.push(create(drawn.length))
  }

  const shrink = (): void => {
    // Removing a bar redraws the others, which comes back here.
    if (isShrinking) return
    isShrinking = true
    while (drawn.length > wanted()) {
      const last = drawn.pop()
      if (last !== undefined) bars.remove(last)
    }
    isShrinking = false
  }

  /** Writes the lines that stay, above the bars. Unlike bars they are wrapped at the edge, so that nothing of them is lost. */
  const flush = (): void => {
    if (pending.length === 0) return
    const text = pending.map((line) => `${line}\n`).join('')
    pending = []
    terminal.write(isOver ? text : `${eraseBelow}${wrapOn}${text}${wrapOff}`)
  }

  const start = (): cliProgress.MultiBar => {
    const look = { clearOnComplete: true, hideCursor: true, linewrap: false, forceRedraw: true, fps: 10, format: '' }
    const started = new cliProgress.MultiBar({ stream: terminal, ...look })
    started.on('update-pre', grow)
    started.on('redraw-pre', flush)
    started.on('update-post', shrink)
    return started
  }
  let bars = start()

  /** A terminal that became narrower has wrapped the lines drawn before, and may have room for fewer: they are erased and redrawn. */
  const resized = (): void => {
    if (drawn.length === 0) return
    const broken = widths.reduce((rows, width) => rows + Math.max(0, Math.ceil(width / columns()) - 1), 0)
    if (broken > 0) bars.once('stop-pre-clear', () => terminal.write(`\u001B[${broken}A`))
    bars.stop()
    drawn = []
    widths = []
    bars = start()
    grow()
  }

  const end = (): void => {
    if (isOver) return
    isOver = true
    terminal.removeListener('resize', resized)
    process.removeListener('exit', end)
    bars.stop()
    pending.push(...view.end())
    flush()
  }
  terminal.on('resize', resized)
  process.once('exit', end)

  return {
    event(event) {
      if (isOver) return
      pending.push(...view.event(event, clock.now()))
      if (event.type !== 'run-started') return
      longestName = view.names(event).reduce((longest, name) => Math.max(longest, textWidth(safeLine(name))), longestName)
      grow()
    },
    end,
  }
}
