import { quoted } from '../../text/printable.ts'
import { namedFiles } from '../lint/named-files.ts'
import type { Rule } from '../lint/rule.ts'
import { oncePerPlace } from '../lint/written-places.ts'

/** A ca_file without a certificate that can be read. */
export const tlsCaInvalid: Rule = {
  id: 'tls-ca-invalid',
  severity: 'error',
  title: 'A `ca_file` without a certificate',
  about: `containerd reads the certificates of the \`ca_file\`, in PEM, besides those of the system. Where it finds none, every pull from
that host fails. Of several the good ones count. A DER file (often \`.cer\` or \`.der\`) is none.`,
  *check(context) {
    for (const { field, path, position, file } of oncePerPlace(namedFiles(context))) {
      if (field !== 'ca_file' || file === undefined || file.problem !== undefined) continue
      const { certificates, brokenCertificates } = file
      if (certificates.length > 0 && brokenCertificates === 0) continue
      const all = brokenCertificates + certificates.length
      yield {
        position,
        severity: certificates.length === 0 ? 'error' : 'warning',
        message:
          certificates.length > 0
            ? `${brokenCertificates} of ${all} certificates in the ca_file ${quoted(path)} cannot be read and are passed over`
            : `no certificate can be read from the ca_file ${quoted(path)}: every pull from there fails`,
        fix: 'Name a file with the certificate of the authority in PEM, which begins with -----BEGIN CERTIFICATE-----.',
      }
    }
  },
}
