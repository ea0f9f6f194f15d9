import { quoted } from '../../text/printable.ts'
import { writtenTls, type NamedFile } from '../lint/named-files.ts'
import type { Discovery, Rule } from '../lint/rule.ts'
import { oncePerPlace } from '../lint/written-places.ts'

function isRead(named: NamedFile): named is NamedFile & { readonly file: NonNullable<NamedFile['file']> } {
  return named.file !== undefined && named.file.problem === undefined
}

function judge(cert: NamedFile, key: NamedFile | undefined): Discovery | undefined {
  if (!isRead(cert)) return undefined
  const [certificate] = cert.file.certificates
  if (certificate === undefined) {
    return {
      position: cert.position,
      message: `no certificate can be read from the cert_file ${quoted(cert.path)}`,
      fix: 'Name a file with the certificate in PEM.',
    }
  }
  if (key === undefined || !isRead(key)) return undefined
  const { privateKey, pem } = key.file
  if (privateKey === 'encrypted') {
    return {
      position: key.position,
      message: `the key_file ${quoted(key.path)} needs a passphrase, which cannot be given`,
      fix: 'Name a key without a passphrase, readable by root alone.',
    }
  }
  if (privateKey === 'none') {
    return {
      position: key.position,
      message: `no private key can be read from the key_file ${quoted(key.path)}`,
      fix: 'Name a file with the private key in PEM.',
    }
  }
  if (certificate.fits(pem)) return undefined
  return {
    position: key.position,
    message: `the key_file ${quoted(key.path)} does not belong to the certificate in ${quoted(cert.path)}`,
    fix: 'Name the key that the certificate was made with; the first certificate in the cert_file counts.',
  }
}

/** A client certificate and a key that cannot be used together. */
export const tlsKeyMismatch: Rule = {
  id: 'tls-key-mismatch',
  severity: 'error',
  title: '`cert_file` and `key_file` cannot be used together',
  about: `containerd reads both files for every pull; where one holds nothing of use, or the key is not that of the first certificate,
every pull from that host fails.`,
  *check(context) {
    const discoveries = writtenTls(context).map(({ cert, key }) => (cert === undefined ? undefined : judge(cert, key)))
    yield* oncePerPlace(discoveries.filter((found) => found !== undefined))
  },
}
