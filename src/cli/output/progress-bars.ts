import cliProgress from 'cli-progress'
import type { MirrorEvent } from '../../copy/events.ts'
import { safeLine } from '../../text/printable.ts'
import { EventLines, type EventLinesOptions } from './event-lines.ts'
import { formatBytes } from './format-amount.ts'
import { outputClock, type OutputClock } from './renderer.ts'
import type { Renderer } from './renderer.ts'
import { RunTally, type ImageProgress } from './run-tally.ts'
import { formatStanding } from './text-lines.ts'

/** What the bars need of a terminal; `process.stderr` is one. */
export interface Terminal extends NodeJS.WritableStream {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/** `clock` is asked for rates and times. */
export interface ProgressBarsOptions extends EventLinesOptions {
  readonly clock?: OutputClock | undefined
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

/**
 * Live bars for a terminal: a total, and below it the images in flight, as many as fit. An image that is done scrolls up as one
 * line. Whatever ends the process, short of SIGKILL, the cursor is shown again.
 */
class ProgressBars implements Renderer {
  readonly #terminal: Terminal
  readonly #clock: OutputClock
  readonly #tally = new RunTally()
  readonly #lines: EventLines
  #bars: cliProgress.MultiBar
  #drawn: cliProgress.SingleBar[] = []
  #widths: number[] = []
  #pending: string[] = []
  #isShrinking = false
  #isOver = false

  constructor(terminal: Terminal, options: ProgressBarsOptions) {
    this.#terminal = terminal
    this.#clock = options.clock ?? outputClock
    this.#lines = new EventLines(this.#tally, options)
    this.#bars = this.#start()
    terminal.on('resize', this.#resized)
    process.once('exit', this.#exited)
  }

  event(event: MirrorEvent): void {
    if (this.#isOver) return
    const now = this.#clock.now()
    this.#tally.event(event, now)
    const line = this.#lines.line(event, now)
    if (line !== undefined) this.#pending.push(line)
    if (event.type === 'run-started') this.#grow()
  }

  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#terminal.removeListener('resize', this.#resized)
    process.removeListener('exit', this.#exited)
    this.#bars.stop()
    this.#flush()
  }

  readonly #exited = (): void => {
    this.end()
  }

  /** A terminal that became narrower has broken the lines drawn before, and may have room for fewer: they are erased, and drawn anew. */
  readonly #resized = (): void => {
    if (this.#drawn.length === 0) return
    const broken = this.#widths.reduce((rows, width) => rows + Math.max(0, Math.ceil(width / this.#columns) - 1), 0)
    if (broken > 0) this.#bars.once('stop-pre-clear', () => this.#terminal.write(`\u001B[${broken}A`))
    this.#bars.stop()
    this.#drawn = []
    this.#widths = []
    this.#bars = this.#start()
    this.#grow()
  }

  get #columns(): number {
    return this.#terminal.columns ?? 80
  }

  /** The total's line, as many images as are in flight and as there is room for, and an empty line for the cursor: terminals differ in whether they break that one. */
  get #wanted(): number {
    const room = Math.min(mostImageLines, (this.#terminal.rows ?? 24) - 4)
    return 2 + Math.max(0, Math.min(room, this.#tally.inFlight.size))
  }

  #start(): cliProgress.MultiBar {
    const bars = new cliProgress.MultiBar({
      stream: this.#terminal,
      clearOnComplete: true,
      hideCursor: true,
      linewrap: false,
      forceRedraw: true,
      fps: 10,
      format: '',
    })
    bars.on('update-pre', () => this.#grow())
    bars.on('redraw-pre', () => this.#flush())
    bars.on('update-post', () => this.#shrink())
    return bars
  }

  /** Writes the lines that stay, above the bars. Bars are cut at the edge, these are wrapped, so that no word of them is lost. */
  #flush(): void {
    if (this.#pending.length === 0) return
    const text = this.#pending.map((line) => `${line}\n`).join('')
    this.#pending = []
    this.#terminal.write(this.#isOver ? text : `${eraseBelow}${wrapOn}${text}${wrapOff}`)
  }

  #grow(): void {
    while (this.#drawn.length < this.#wanted) this.#drawn.push(this.#create(this.#drawn.length))
  }

  #shrink(): void {
    // Removing a bar redraws the others, which comes back here.
    if (this.#isShrinking) return
    this.#isShrinking = true
    while (this.#drawn.length > this.#wanted) {
      const last = this.#drawn.pop()
      if (last !== undefined) this.#bars.remove(last)
    }
    this.#isShrinking = false
  }

  #create(index: number): cliProgress.SingleBar {
    const format = (): string => {
      const line = this.#line(index).slice(0, Math.max(0, this.#columns - 1))
      this.#widths = [...this.#widths.slice(0, index), line.length]
      return line
    }
    return this.#bars.create(1, 0, {}, { format })
  }

  #line(index: number): string {
    if (index === this.#drawn.length - 1) return ''
    if (index > 0) {
      const image = [...this.#tally.inFlight.values()][index - 1]
      return image === undefined ? '' : imageLine(image, this.#columns)
    }
    const more = this.#tally.inFlight.size - (this.#drawn.length - 2)
    const standing = formatStanding(this.#tally, this.#clock.now())
    return `${bar(this.#tally.bytesDone, this.#tally.bytesExpected)} ${standing}${more > 0 ? `, ${more} more under way` : ''}`
  }
}

/** The renderer for a person at a terminal. */
export function progressBars(terminal: Terminal, options: ProgressBarsOptions): Renderer {
  return new ProgressBars(terminal, options)
}
