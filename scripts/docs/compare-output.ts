/** What differs from run to run: durations, speeds, counts of requests, dates, ports of clients, random names, checksums of certificates. */
const varying: readonly (readonly [RegExp, string])[] = [
  [/\b\d+(?:\.\d+)? (?:k|M|G)?B\/s/g, '<speed>'],
  [/\b(?:\d+h )?(?:\d+m )?\d+(?:\.\d+)?(?:ms|s)\b/g, '<time>'],
  [/\b\d+ requests\b|(?<=requests to the source, )\d+/g, '<requests>'],
  [/"(seconds|milliseconds|requests|source|destination)": ?\d+(?:\.\d+)?/g, '"$1": <number>'],
  [/(?<=_timestamp_seconds\S* )\d+(?:\.\d+)?/g, '<time>'],
  [/ time="\d+\.\d+"/g, ' time="<number>"'],
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z| UTC)?)?/g, '<date>'],
  // of a certificate that is made for the page
  [/(?<=^echo ")[0-9a-f]{64}(?= {2}\S+\.crt")/g, '<sha256>'],
  [/\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/g, '<date>'],
]

/** Lines about one image or one file each; such lines come in any order. */
const unordered =
  /^(?:\w[\w-]*(?: -> \S+)?: )?(?:added|copied|loaded|pushed|skipped) |^(?:up to date|in the base bundle): |^registry\.example\.com\/mirror\/|^[\w./-]+\.toml$/

/** True where two outputs differ only in what varies from run to run; a line `...` of the page stands for any lines. */
export function isSameOutput(shown: string, real: string): boolean {
  const [expected, actual] = [comparable(shown), comparable(real)]
  if (!expected.includes('...')) return expected.join('\n') === actual.join('\n')
  const [first = [], ...others] = splitAt(expected, '...')
  const last = others.pop() ?? []
  if (!startsWith(actual, first) || !startsWith(actual.slice(Math.max(0, actual.length - last.length)), last)) return false
  let rest = actual.slice(first.length, actual.length - last.length)
  for (const part of others) {
    const at = rest.findIndex((_, index) => startsWith(rest.slice(index), part))
    if (at === -1) return false
    rest = rest.slice(at + part.length)
  }
  return true
}

/** The output to show: what the page has where it is still true, otherwise the real one, shortened where the page was. */
export function updatedOutput(shown: string, real: string): string {
  if (isSameOutput(shown, real)) return shown
  const lines = shown.split('\n')
  const [before, after] = [lines.indexOf('...'), lines.length - 1 - lines.lastIndexOf('...')]
  const all = inOrder(real.split('\n').map((line) => line.trimEnd()))
  if (before === -1 || before + after >= all.length) return all.join('\n')
  return [...all.slice(0, before), '...', ...all.slice(all.length - after)].join('\n')
}

function comparable(text: string): readonly string[] {
  const lines = text.replace(/\n$/, '').split('\n')
  return inOrder(
    lines
      .map((line) => varying.reduce((result, [pattern, name]) => result.replaceAll(pattern, name), line))
      .map((line) =>
        line
          .replaceAll(/(?<=\S) {2,}/g, ' ')
          .replaceAll(/-{2,}/g, '--')
          .trimEnd(),
      ),
  )
}

/** Sorts each run of lines about one image each. */
function inOrder(lines: readonly string[]): readonly string[] {
  const result: string[] = []
  for (let index = 0; index < lines.length;) {
    const start = index
    while (unordered.test(lines[index] ?? '')) index++
    if (index === start) index++
    result.push(...lines.slice(start, index).toSorted())
  }
  return result
}

function splitAt(lines: readonly string[], mark: string): readonly (readonly string[])[] {
  const parts: string[][] = [[]]
  for (const line of lines) {
    if (line === mark) parts.push([])
    else parts.at(-1)?.push(line)
  }
  return parts
}

function startsWith(lines: readonly string[], start: readonly string[]): boolean {
  return start.every((line, index) => lines[index] === line)
}
