/** The bytes of a whole that an answer holds; `end` is the last byte, inclusive. */
export interface ContentRange {
  readonly start: number
  readonly end: number
  /** Undefined where the server wrote `*`. */
  readonly total: number | undefined
}

/** Reads `bytes 0-99/200` or `bytes 0-99/*`: https://www.rfc-editor.org/rfc/rfc9110#section-14.4. Undefined for anything else. */
export function parseContentRange(text: string | undefined): ContentRange | undefined {
  const [, first, last, whole] = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/i.exec(text?.trim() ?? '') ?? []
  if (first === undefined || last === undefined) return undefined
  const range = { start: Number(first), end: Number(last), total: whole === '*' ? undefined : Number(whole) }
  if (range.end < range.start || (range.total !== undefined && range.end >= range.total)) return undefined
  return range
}

/** Reads the Content-Range of an upload's chunk: `0-99` as the distribution specification has it, or HTTP's own form, its total or not. */
export function parseChunkRange(text: string): ContentRange | undefined {
  const [, range, total = '/*'] = /^(?:bytes[ =])?\s*(\d+-\d+)(\/.*)?$/i.exec(text.trim()) ?? []
  return range === undefined ? undefined : parseContentRange(`bytes ${range}${total}`)
}

/** Writes what parseContentRange reads. */
export function formatContentRange({ start, end, total }: ContentRange): string {
  return `bytes ${start}-${end}/${total ?? '*'}`
}
