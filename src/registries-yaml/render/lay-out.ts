import { MirrorError } from '../../errors.ts'

// what Go's strings.TrimSpace takes away
// oxlint-disable-next-line no-control-regex -- the next line control is white space there
const blank = /^[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/

/** Bytes of a line with its end that K3s can still read back from its own template: https://pkg.go.dev/bufio#MaxScanTokenSize */
const longestLine = 64 * 1024

/** The layout that K3s gives to a template's text: no blank lines but one before every table in the first column; throws INVALID_CONFIG for a line of 64 KiB. */
export function layOut(text: string): string {
  const lines = text.split('\n').map((line) => {
    if (Buffer.byteLength(line) >= longestLine) {
      throw new MirrorError('INVALID_CONFIG', 'a value of it makes a line of more than 64 KiB, with which K3s does not start', {
        hint: 'Shorten the value: a password, a path or a rewrite.',
      })
    }
    return line.endsWith('\r') ? line.slice(0, -1) : line
  })
  return lines
    .filter((line) => !blank.test(line))
    .map((line) => (line.startsWith('[') ? `\n${line}\n` : `${line}\n`))
    .join('')
}
