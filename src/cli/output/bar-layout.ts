import { formatBytes } from './format-amount.ts'
import { cutToWidth, shortenName, textWidth } from './shorten-name.ts'

/** Columns below which amounts are percentages. */
const narrow = 60
/** Columns of `999 MB of 1.23 GB`, the widest amount. */
const amountWidth = 17
const percentWidth = 4
const narrowestBar = 8
const widestBar = 100
/** Columns of the total's text, where there is room. */
const widestTotal = 72
const indent = '  '
const gap = '  '

function bar(done: number, size: number, width: number): string {
  const filled = size === 0 ? 0 : Math.floor(Math.min(1, Math.max(0, done / size)) * width)
  return `[${'='.repeat(filled)}${'-'.repeat(width - filled)}]`
}

function percent(done: number, size: number): string {
  return `${size === 0 ? 0 : Math.floor(Math.min(1, Math.max(0, done / size)) * 100)}%`
}

/** As many of the parts, in their order, as fit; the first is cut where even it does not. */
function fitParts(parts: readonly string[], width: number): string {
  const [first = '', ...rest] = parts
  const fitted = [first]
  for (const part of rest) if (textWidth([...fitted, part].join(', ')) <= width) fitted.push(part)
  return cutToWidth(fitted.join(', '), width)
}

function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)))
}

/** The columns of the lines with bars: text to the left, bars of equal width below each other to the right. */
export class BarLayout {
  readonly #text: number
  readonly #bar: number
  readonly #amount: number

  /** For a terminal of so many columns, of which the last stays empty, and the longest name of the run. */
  constructor(columns: number, longestName: number) {
    const width = Math.max(0, columns - 1)
    this.#amount = columns < narrow ? percentWidth : amountWidth
    const share = Math.max(narrowestBar, Math.floor(columns / 5))
    const longest = indent.length + longestName + gap.length + this.#amount
    // A wide terminal gives the bars what the names do not need, as far as the total's line leaves it.
    const free = width - Math.max(longest, widestTotal) - gap.length - 2
    this.#bar = Math.min(widestBar, Math.max(share, free))
    const left = width - this.#bar - 2 - gap.length
    // Where nothing of a name would be left, the bar is left out.
    if (left < indent.length + this.#amount + gap.length + narrowestBar) this.#bar = 0
    this.#text = this.#bar === 0 ? width : Math.min(left, Math.max(longest, widestTotal))
  }

  /** An image's line. */
  image(name: string, done: number, size: number): string {
    const amount = this.#amount === percentWidth ? percent(done, size) : `${formatBytes(done)} of ${formatBytes(size)}`
    const width = this.#text - indent.length - gap.length - this.#amount
    const line = `${indent}${padTo(shortenName(name, width), width)}${gap}${amount.padStart(this.#amount)}`
    return this.#withBar(line, done, size)
  }

  /** The line of the whole run; `parts` are in the order of their importance. */
  total(parts: readonly string[], done: number, size: number): string {
    return this.#withBar(fitParts(parts, this.#text), done, size)
  }

  #withBar(line: string, done: number, size: number): string {
    const text = cutToWidth(line, this.#text)
    return this.#bar === 0 ? text : `${padTo(text, this.#text)}${gap}${bar(done, size, this.#bar)}`
  }
}
