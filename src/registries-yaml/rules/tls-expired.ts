import { quoted } from '../../text/printable.ts'
import type { NamedFile } from '../lint/context.ts'
import type { InspectedCertificate } from '../lint/inspect-files.ts'
import type { Rule } from '../lint/rule.ts'

const soon = 30 * 24 * 60 * 60 * 1000

/** The certificate that matters: the first for a client, and of several authorities the one that is valid and lasts longest. */
function decisive({ field, file }: NamedFile, now: Date): InspectedCertificate | undefined {
  const certificates = file?.certificates ?? []
  if (field !== 'ca_file') return certificates[0]
  const begun = certificates.filter(({ validFrom }) => validFrom <= now)
  return (begun.length > 0 ? begun : certificates).toSorted((a, b) => b.validTo.getTime() - a.validTo.getTime())[0]
}

/** A certificate that has expired, expires soon, or is not valid yet. */
export const tlsExpired: Rule = {
  title: 'A certificate that is not valid now, or not for long',
  about: `With an expired authority or client certificate every pull from that host fails. Of a \`ca_file\` with several certificates the
one that lasts longest counts, of a \`cert_file\` the first. Thirty days before its end it is a warning.`,
  file: (named, { now }) => {
    const certificate = decisive(named, now)
    if (certificate === undefined || named.field === 'key_file') return undefined
    const { validFrom, validTo } = certificate
    const what = `the certificate in ${quoted(named.path)} (${quoted(certificate.subject)})`
    const fix = `Put a certificate that is valid in the ${named.field} on every node.`
    if (validFrom > now) return { message: `${what} is valid from ${validFrom.toISOString().slice(0, 10)} on`, fix }
    const day = validTo.toISOString().slice(0, 10)
    if (validTo < now) return { message: `${what} expired on ${day}`, fix }
    if (validTo.getTime() - now.getTime() >= soon) return undefined
    return { severity: 'warning', message: `${what} expires on ${day}`, fix: 'Renew it before that day, on every node.' }
  },
}
