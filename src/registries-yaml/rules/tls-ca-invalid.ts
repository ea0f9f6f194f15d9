import { quoted } from '../../text/printable.ts'
import type { Rule } from '../lint/rule.ts'

/** A ca_file without a valid certificate. */
export const tlsCaInvalid: Rule = {
  title: 'A `ca_file` without a certificate',
  about: `containerd trusts the PEM certificates of the \`ca_file\` in addition to the system's CAs. If the file has no valid certificate, every pull from that host
fails. If only some certificates are invalid, containerd ignores those. DER files (often \`.cer\` or \`.der\`) are not supported.`,
  file: ({ field, path, file }) => {
    if (field !== 'ca_file' || file === undefined || file.problem !== undefined) return undefined
    const { certificates, brokenCertificates: broken } = file
    const fix = 'use a PEM file with the CA certificate, which begins with -----BEGIN CERTIFICATE-----'
    if (certificates.length === 0)
      return { message: `the ca_file ${quoted(path)} contains no valid certificate: every pull from this host fails`, fix }
    if (broken === 0) return undefined
    const some = `${broken} of ${broken + certificates.length} certificates`
    return { severity: 'warning', message: `${some} in the ca_file ${quoted(path)} are invalid: containerd ignores them`, fix }
  },
}
