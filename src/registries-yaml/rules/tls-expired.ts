import { quoted } from '../../text/printable.ts'
import type { NamedFile } from '../lint/context.ts'
import type { InspectedCertificate } from '../lint/inspect-files.ts'
import type { Rule } from '../lint/rule.ts'

const soon = 30 * 24 * 60 * 60 * 1000

/** The certificate that decides: the first one of a client, and of several CAs the valid one that expires last. */
function decisive({ field, file }: NamedFile, now: Date): InspectedCertificate | undefined {
  const certificates = file?.certificates ?? []
  if (field !== 'ca_file') return certificates[0]
  const begun = certificates.filter(({ validFrom }) => validFrom <= now)
  return (begun.length > 0 ? begun : certificates).toSorted((a, b) => b.validTo.getTime() - a.validTo.getTime())[0]
}

/** A certificate that is expired, expires soon, or is not valid yet. */
export const tlsExpired: Rule = {
  title: 'A certificate is expired, expires soon, or is not valid yet',
  about: `With an expired CA or client certificate every pull from that host fails. In a \`ca_file\` with several certificates the one that expires last decides, in a
\`cert_file\` the first one. A certificate that expires within 30 days is a warning.`,
  file: (named, { now }) => {
    const certificate = decisive(named, now)
    if (certificate === undefined || named.field === 'key_file') return undefined
    const { validFrom, validTo } = certificate
    const what = `the certificate in ${quoted(named.path)} (${quoted(certificate.subject)})`
    const fix = `replace the ${named.field} on every node with a valid certificate`
    if (validFrom > now) return { message: `${what} is not valid before ${validFrom.toISOString().slice(0, 10)}`, fix }
    const day = validTo.toISOString().slice(0, 10)
    if (validTo < now) return { message: `${what} expired on ${day}`, fix }
    if (validTo.getTime() - now.getTime() >= soon) return undefined
    return { severity: 'warning', message: `${what} expires on ${day}`, fix: 'renew it on every node before that day' }
  },
}
