import { Writable } from 'node:stream'
import xterm from '@xterm/headless'

type Step = { write: string } | { readonly columns: number; readonly rows: number }

/** A terminal's stream that records what is written to it and can be resized; `replay` shows it to a terminal emulator. */
export class FakeTerminal extends Writable {
  readonly isTTY = true
  columns: number
  rows: number
  readonly #size: { readonly columns: number; readonly rows: number }
  readonly #steps: Step[] = []

  constructor(columns: number, rows: number) {
    super()
    this.columns = columns
    this.rows = rows
    this.#size = { columns, rows }
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const last = this.#steps.at(-1)
    if (last !== undefined && 'write' in last) last.write += chunk.toString()
    else this.#steps.push({ write: chunk.toString() })
    done()
  }

  resize(columns: number, rows: number): void {
    Object.assign(this, { columns, rows })
    this.#steps.push({ columns, rows })
    this.emit('resize')
  }

  get text(): string {
    return this.#steps.map((step) => ('write' in step ? step.write : '')).join('')
  }

  /** All lines of the emulated terminal down to the cursor or the last text, what scrolled away included; wrapped lines are joined. */
  async replay(): Promise<string[]> {
    const terminal = new xterm.Terminal({
      cols: this.#size.columns,
      rows: this.#size.rows,
      scrollback: 5_000,
      allowProposedApi: true,
      convertEol: true,
    })
    for (const step of this.#steps) {
      if ('write' in step) await new Promise<void>((resolve) => terminal.write(step.write, resolve))
      else terminal.resize(step.columns, step.rows)
    }
    const { active } = terminal.buffer
    const lines: string[] = []
    let end = 0
    for (let row = 0; row < active.length; row++) {
      const line = active.getLine(row)
      const text = line?.translateToString(true) ?? ''
      if (line?.isWrapped === true) lines.push(`${lines.pop() ?? ''}${text}`)
      else lines.push(text)
      if (text !== '' || row < active.baseY + active.cursorY) end = lines.length
    }
    terminal.dispose()
    return lines.slice(0, end)
  }
}
