import { quoted } from '../../text/printable.ts'
import type { Rule } from '../lint/rule.ts'

/** A ca_file without a certificate that can be read. */
export const tlsCaInvalid: Rule = {
  title: 'A `ca_file` without a certificate',
  about: `containerd reads the certificates of the \`ca_file\`, in PEM, besides those of the system. Where it finds none, every pull from
that host fails. Of several the good ones count. A DER file (often \`.cer\` or \`.der\`) is none.`,
  file: ({ field, path, file }) => {
    if (field !== 'ca_file' || file === undefined || file.problem !== undefined) return undefined
    const { certificates, brokenCertificates: broken } = file
    const fix = 'Name a file with the certificate of the authority in PEM, which begins with -----BEGIN CERTIFICATE-----.'
    if (certificates.length === 0)
      return { message: `no certificate can be read from the ca_file ${quoted(path)}: every pull from there fails`, fix }
    if (broken === 0) return undefined
    const some = `${broken} of ${broken + certificates.length} certificates`
    return { severity: 'warning', message: `${some} in the ca_file ${quoted(path)} cannot be read and are passed over`, fix }
  },
}
