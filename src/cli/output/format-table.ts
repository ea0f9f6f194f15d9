import { safeLine } from '../../text/printable.ts'
import { shortenName, textWidth } from './shorten-name.ts'

/** Columns that a name keeps in a narrow terminal. */
const narrowestName = 24

/** One column of a table; numbers are aligned to the right, so that their digits line up. */
export interface Column<T> {
  readonly title: string
  readonly align: 'left' | 'right'
  readonly cell: (row: T) => string
  /** Shown only with `verbose`. */
  readonly isVerbose?: boolean
  /** Shown only where it applies: a Docker Engine copies the images, or a node's endpoints are checked. */
  readonly isSpecial?: boolean
  /** Omitted where the table is wider than the terminal. */
  readonly isOptional?: boolean
  /** Shortened where the table is still wider than the terminal. */
  readonly isName?: boolean
}

/** What of a table is shown, and the columns of the terminal; undefined elsewhere, and with `verbose` without effect. */
export interface TableOptions {
  readonly verbose?: boolean
  readonly special?: boolean
  readonly width?: number | undefined
}

function widthsOf(lines: readonly (readonly string[])[]): number[] {
  const [titles = []] = lines
  return titles.map((_, index) => lines.reduce((widest, cells) => Math.max(widest, textWidth(cells[index] ?? '')), 0))
}

function excessOf(lines: readonly (readonly string[])[], width: number): number {
  return widthsOf(lines).reduce((sum, one) => sum + one + 2, -2) - width
}

/** Shortens names by what the table is too wide, the later column first. */
function withShortNames<T>(columns: readonly Column<T>[], lines: readonly (readonly string[])[], width: number): readonly string[][] {
  let rows = lines.map((cells) => [...cells])
  for (const [index, { isName }] of [...columns.entries()].toReversed()) {
    const excess = excessOf(rows, width)
    if (isName !== true || excess <= 0) continue
    const limit = Math.max(narrowestName, (widthsOf(rows)[index] ?? 0) - excess)
    rows = rows.map((cells) => cells.with(index, shortenName(cells[index] ?? '', limit)))
  }
  return rows
}

/** Aligns text below its titles, two spaces apart; the last column is not padded. */
export function formatTable<T>(columns: readonly Column<T>[], rows: readonly T[], options: TableOptions = {}): string[] {
  const { verbose = false, special = false, width } = options
  const shown = columns.filter(({ isVerbose, isSpecial }) => (isVerbose !== true || verbose) && (isSpecial !== true || special))
  const cellsOf = (some: readonly Column<T>[]): string[][] => [
    some.map(({ title }) => title),
    ...rows.map((row) => some.map(({ cell }) => safeLine(cell(row)))),
  ]
  const needed = shown.filter(({ isOptional }) => isOptional !== true)
  const isNarrow = width !== undefined && !verbose && excessOf(cellsOf(shown), width) > 0
  const kept = isNarrow ? needed : shown
  const lines = isNarrow ? withShortNames(kept, cellsOf(kept), width) : cellsOf(kept)
  const widths = widthsOf(lines)
  const padded = (cell: string, index: number): string => {
    const padding = ' '.repeat((widths[index] ?? 0) - textWidth(cell))
    return kept[index]?.align === 'right' ? `${padding}${cell}` : `${cell}${padding}`
  }
  return lines.map((cells) => cells.map(padded).join('  ').trimEnd())
}
