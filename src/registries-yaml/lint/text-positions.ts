import type { Position } from '../registries.ts'

/** Converts between offsets of a text and positions, of which the column does not count a byte order mark. */
export interface TextPositions {
  readonly positionAt: (offset: number) => Position
  readonly offsetOf: (position: Position) => number
}

/** Reads the lines of a text; a line ends with CRLF, LF or CR. Columns and offsets are UTF-16 code units. */
export function textPositions(text: string): TextPositions {
  const mark = text.startsWith('\uFEFF') ? 1 : 0
  const starts = [mark, ...Array.from(text.matchAll(/\r\n|\r|\n/g), ({ index, 0: newline }) => index + newline.length)]
  return {
    positionAt(offset) {
      let [low, high] = [0, starts.length]
      while (high - low > 1) {
        const middle = (low + high) >> 1
        if ((starts[middle] ?? 0) <= offset) low = middle
        else high = middle
      }
      return { line: low + 1, column: Math.max(0, offset - (starts[low] ?? 0)) + 1 }
    },
    offsetOf: ({ line, column }) => (starts[line - 1] ?? mark) + column - 1,
  }
}
