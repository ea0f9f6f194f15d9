import { quoted } from '../../text/printable.ts'
import type { Rule } from '../lint/rule.ts'

const put = 'create the file on every node, or correct the path'

const problems = {
  missing: ['does not exist', put],
  'not a file': ['is not a file', put],
  unreadable: ['cannot be read by this user', 'run lint as the user that K3s runs as'],
  'too large': ['is larger than 4 MiB', 'use a file with only the certificates for this registry'],
} as const

/** A missing or unreadable file of `tls`. */
export const tlsFileMissing: Rule = {
  title: 'A file of `tls` is missing',
  about: `K3s does not check these files when it starts. containerd opens them with every pull. If one is missing, every pull fails that could use this host, even
with other endpoints. Lint checks the files on this machine; disable the check if they exist only on the nodes.`,
  file: ({ path, field, file }) => {
    if (file?.problem === undefined) return undefined
    const [what, fix] = problems[file.problem]
    const isUnread = file.problem === 'unreadable' || file.problem === 'too large'
    const effect = isUnread ? ' and was not checked' : ': every pull that could use this host fails'
    return { severity: isUnread ? 'info' : 'error', message: `the ${field} ${quoted(path)} ${what}${effect}`, fix }
  },
}
