import prettyBytes from 'pretty-bytes'
import prettyMilliseconds from 'pretty-ms'

/** A size for people, in decimal units: `0 B`, `12.3 kB`, `1.2 GB`. */
export function formatBytes(bytes: number): string {
  return prettyBytes(bytes)
}

/** A rate for people: `12.3 MB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${prettyBytes(Math.round(bytesPerSecond))}/s`
}

/** A duration for people: `400ms`, `1.5s`, `1m 5s`, `2h 5m`. */
export function formatDuration(milliseconds: number): string {
  return milliseconds < 60_000
    ? prettyMilliseconds(milliseconds, { secondsDecimalDigits: 1, millisecondsDecimalDigits: 0, keepDecimalsOnWholeSeconds: false })
    : prettyMilliseconds(milliseconds, { secondsDecimalDigits: 0 })
}

/** A number with its noun: `1 image`, `8 images`. */
export function formatCount(count: number, singular: string, plural: string = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`
}

/** `8 images: 7 ok, 1 incomplete`, with the counts above zero. */
export function formatImageCounts(images: number, counts: readonly (readonly [count: number, word: string])[]): string {
  const parts = counts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`)
  return [formatCount(images, 'image'), parts.join(', ')].filter(Boolean).join(': ')
}
