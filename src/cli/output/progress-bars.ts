import cliProgress from 'cli-progress'
import { safeLine } from '../../text/printable.ts'
import { eventLines } from './event-lines.ts'
import { formatBytes } from './format-amount.ts'
import { outputClock, type Renderer, type RendererOptions } from './renderer.ts'
import { RunTally, type ImageProgress } from './run-tally.ts'
import { formatStanding } from './text-lines.ts'

/** What the bars need of a terminal; `process.stderr` is one. */
export interface Terminal extends NodeJS.WritableStream {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

const mostImageLines = 12
const barWidth = 20
const eraseBelow = '\u001B[J'
const wrapOn = '\u001B[?7h'
const wrapOff = '\u001B[?7l'

function bar(done: number, size: number): string {
  const filled = size === 0 ? 0 : Math.floor(Math.min(1, Math.max(0, done / size)) * barWidth)
  return `[${'='.repeat(filled)}${'-'.repeat(barWidth - filled)}]`
}

/** A name's end says more than its beginning. */
function shorten(name: string, width: number): string {
  return name.length <= width ? name : width < 2 ? '' : `…${name.slice(name.length - width + 1)}`
}

function imageLine({ image, done, size }: ImageProgress, columns: number): string {
  const amounts = `${bar(done, size)} ${formatBytes(done)}/${formatBytes(size)}`
  return `  ${shorten(safeLine(image), columns - amounts.length - 5)}  ${amounts}`
}

/** The total's line, as many images as are in flight and as there is room for, and an empty line for the cursor: terminals differ in whether they break that one. */
function linesWanted({ rows = 24 }: Terminal, { inFlight }: RunTally): number {
  return 2 + Math.max(0, Math.min(mostImageLines, rows - 4, inFlight.size))
}

function lineAt(
  index: number,
  lines: number,
  tally: RunTally,
  { columns, now }: { readonly columns: number; readonly now: number },
): string {
  if (index === lines - 1) return ''
  if (index > 0) {
    const image = [...tally.inFlight.values()][index - 1]
    return image === undefined ? '' : imageLine(image, columns)
  }
  const more = tally.inFlight.size - (lines - 2)
  return `${bar(tally.bytesDone, tally.bytesExpected)} ${formatStanding(tally, now)}${more > 0 ? `, ${more} more under way` : ''}`
}

/** Live bars for a terminal, of the whole run and of images in flight; an image that is done scrolls up as one line. Whatever ends the process, the cursor is shown again. */
export function progressBars(terminal: Terminal, options: RendererOptions): Renderer {
  const { clock = outputClock } = options
  const tally = new RunTally()
  const lineOf = eventLines(tally, options)
  let drawn: cliProgress.SingleBar[] = []
  let widths: number[] = []
  let pending: string[] = []
  let isShrinking = false
  let isOver = false

  const columns = (): number => terminal.columns ?? 80
  const wanted = (): number => linesWanted(terminal, tally)

  const create = (index: number): cliProgress.SingleBar => {
    const format = (): string => {
      const line = lineAt(index, drawn.length, tally, { columns: columns(), now: clock.now() }).slice(0, Math.max(0, columns() - 1))
      widths = [...widths.slice(0, index), line.length]
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

  /** Writes the lines that stay, above the bars. Bars are cut at the edge, these are wrapped, so that no word of them is lost. */
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

  /** A terminal that became narrower has broken the lines drawn before, and may have room for fewer: they are erased, and drawn anew. */
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
    flush()
  }
  terminal.on('resize', resized)
  process.once('exit', end)

  return {
    event(event) {
      if (isOver) return
      const now = clock.now()
      tally.event(event, now)
      const line = lineOf(event, now)
      if (line !== undefined) pending.push(line)
      if (event.type === 'run-started') grow()
    },
    end,
  }
}
