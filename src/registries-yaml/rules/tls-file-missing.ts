import { quoted } from '../../text/printable.ts'
import type { Rule } from '../lint/rule.ts'

const put = 'Put the file there on every node, or correct its name.'

const problems = {
  missing: ['does not exist', put],
  'not a file': ['is not a file', put],
  unreadable: ['cannot be read by this user', 'Lint as the user that K3s runs as.'],
  'too large': ['is larger than 4 MiB', 'Name a file with the certificates of this registry alone.'],
} as const

/** A file that `tls` names and that is not there. */
export const tlsFileMissing: Rule = {
  title: 'A file named by `tls` is missing',
  about: `K3s does not look at the files when it starts. containerd opens them with every pull, and without one of them every pull fails
that this host is asked for, whatever other endpoints there are. Looked at on the machine that lints: switch that off where the files are
on the nodes alone.`,
  file: ({ path, field, file }) => {
    if (file?.problem === undefined) return undefined
    const [what, fix] = problems[file.problem]
    const isUnread = file.problem === 'unreadable' || file.problem === 'too large'
    const effect = isUnread ? ' and was not checked' : ': every pull that could go there fails'
    return { severity: isUnread ? 'info' : 'error', message: `the ${field} ${quoted(path)} ${what}${effect}`, fix }
  },
}
