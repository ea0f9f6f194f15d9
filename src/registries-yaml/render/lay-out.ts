import { MirrorError } from '../../errors.ts'

// What Go's strings.TrimSpace removes.
// oxlint-disable-next-line no-control-regex -- the next line control is white space there
const blank = /^[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/

/** From this length on, in bytes, K3s cannot read a line of its own template: https://pkg.go.dev/bufio#MaxScanTokenSize */
const longestLine = 64 * 1024

/** Formats a template's text as K3s does: one blank line before every table in the first column, and no others. Throws INVALID_CONFIG for a line of 64 KiB. */
export function layOut(text: string): string {
  const lines = text.split('\n').map((line) => {
    if (Buffer.byteLength(line) >= longestLine) {
      throw new MirrorError('INVALID_CONFIG', 'a value is longer than 64 KiB: K3s does not start', {
        hint: 'shorten the value: a password, a path or a rewrite',
      })
    }
    return line.endsWith('\r') ? line.slice(0, -1) : line
  })
  return lines
    .filter((line) => !blank.test(line))
    .map((line) => (line.startsWith('[') ? `\n${line}\n` : `${line}\n`))
    .join('')
}
