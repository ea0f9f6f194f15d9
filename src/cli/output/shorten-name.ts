import stringWidth from 'string-width'

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Columns of a terminal that a text takes. */
export { stringWidth as textWidth }

/** As much of the text's beginning as fits into `width` columns. */
export function cutToWidth(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let cut = ''
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    used += stringWidth(segment)
    if (used > width) break
    cut += segment
  }
  return cut
}

/** As much of the text's end as fits into `width` columns. */
function endWithin(text: string, width: number): string {
  let end = ''
  let used = 0
  for (const { segment } of [...graphemes.segment(text)].toReversed()) {
    used += stringWidth(segment)
    if (used > width) break
    end = segment + end
  }
  return end
}

/** An image's name in `width` columns: its registry and the end of its path with the tag, else only that end, else what fits of the last part. */
export function shortenName(name: string, width: number): string {
  if (stringWidth(name) <= width) return name
  const parts = name.split('/')
  const ends = parts.slice(1).map((_, index) => parts.slice(index + 1).join('/'))
  const candidates = [...ends.slice(1).map((end) => `${parts[0]}/…/${end}`), ...ends.map((end) => `…/${end}`)]
  const fitting = candidates.find((candidate) => stringWidth(candidate) <= width)
  if (fitting !== undefined) return fitting
  if (width < 2) return '…'.slice(0, Math.max(0, width))
  // The tag is at the end, and distinguishes most.
  const last = parts.at(-1) ?? name
  const head = cutToWidth(last, Math.floor((width - 1) / 3))
  return `${head}…${endWithin(last, width - 1 - stringWidth(head))}`
}
