/**
 * Fails where a text of the project uses a phrase that plain English replaces; `npm run prose -- src/oci` checks some files only.
 * vale and textlint read Markdown and comments. Most texts of this project are string literals and test titles, so this script reads every line.
 * cspell checks words, not phrases.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Phrases to avoid, and what to write. A space stands for a line break within a comment too. */
const phrases: readonly (readonly [phrase: string, advice: string])[] = [
  [String.raw`(?:is|are|was|were|be|being|has|have|had) none`, '"is invalid", "is not a …", "there are no …"'],
  [String.raw`(?<!there |is there |are there )(?:is|are|was|were) no (?!longer|more)`, '"is not a …", "has no …"'],
  [String.raw`tell|tells|telling|told`, '"reports", "returns", "prints", "logs", "distinguishes"'],
  [String.raw`alone`, '"only"'],
  [String.raw`pass(?:es|ed|ing)? over`, '"ignores", "skips"'],
  [String.raw`(?:gone|goes|go|going|went) on`, '"resumes", "continues"'],
  [String.raw`nowhere`, '"… is not set", "not in any …"'],
  [String.raw`nobody`, '"no one", or name who'],
  [String.raw`whoever`, '"the user", "the client", "anyone who"'],
  [String.raw`thereby`, '"so"'],
  [String.raw`beside`, '"next to", "in addition to"'],
  [String.raw`of itself`, 'plain words'],
  [String.raw`in the way of`, 'plain words'],
  [String.raw`what (?:is|was) there`, 'name the thing'],
  [String.raw`what it has`, 'name the thing'],
  [String.raw`vouch(?:es|ed|ing)?`, '"verifies", "confirms"'],
  [String.raw`stands? for nothing`, '"is invalid", "is ignored"'],
  [String.raw`there where`, '"where", "if"'],
  [String.raw`for want of`, '"for lack of", "because … is missing"'],
  [String.raw`in vain`, '"failed", "without success"'],
  [String.raw`fit (?:to be|for a)`, '"suitable for", "safe to print"'],
  [String.raw`takes? (?:it|them) apart`, '"parses", "splits"'],
]

/** Quotations: a line that has to repeat one of the phrases. */
const quotations: readonly (readonly [file: string, text: string])[] = []

const gap = String.raw`(?:[ \t]+|[ \t]*\r?\n[ \t]*(?:\*|//|#)?[ \t]*)`
const patterns = phrases.map(([phrase, advice]) => ({ advice, pattern: new RegExp(`\\b(?:${phrase.replaceAll(' ', gap)})\\b`, 'gi') }))
const root = fileURLToPath(new URL('..', import.meta.url))
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter(
    (file) => /\.(?:ts|mjs|md|sh|ya?ml|json)$/.test(file) && !/^(?:fixtures\/|package-lock\.json$|scripts\/check-prose\.ts$)/.test(file),
  )
/** The rules of README, which is read on a terminal too: lines of at most 120 columns, but for tables and code. */
function longLines(text: string): readonly number[] {
  let isCode = false
  return text.split('\n').flatMap((line, index) => {
    if (line.startsWith('```')) isCode = !isCode
    return isCode || line.startsWith('|') || line.length <= 120 ? [] : [index + 1]
  })
}

const only = process.argv.slice(2)
let found = 0
for (const file of files) {
  if (only.length > 0 && !only.some((start) => file.startsWith(start))) continue
  const text = readFileSync(`${root}/${file}`, 'utf8')
  for (const { advice, pattern } of patterns) {
    for (const match of text.matchAll(pattern)) {
      const start = text.lastIndexOf('\n', match.index) + 1
      const lines = text.substring(start, text.indexOf('\n', match.index + match[0].length))
      if (quotations.some(([quoted, part]) => quoted === file && lines.includes(part))) continue
      found++
      console.error(`${file}:${text.slice(0, match.index).split('\n').length}: "${match[0].replaceAll(/\s+/g, ' ')}": write ${advice}`)
    }
  }
  for (const line of file === 'README.md' ? longLines(text) : []) {
    found++
    console.error(`${file}:${line}: longer than 120 columns`)
  }
}
if (found > 0) {
  console.error(`${found} places to correct`)
  process.exitCode = 1
}
