import { quoted } from '../../text/printable.ts'
import type { Rule } from '../lint/rule.ts'

/** A client certificate and a key that cannot be used together. */
export const tlsKeyMismatch: Rule = {
  title: '`cert_file` and `key_file` cannot be used together',
  about: `containerd reads both files for every pull; where one holds nothing of use, or the key is not that of the first certificate,
every pull from that host fails.`,
  tls: ({ certFile, keyFile }) => {
    if (certFile?.file === undefined || certFile.file.problem !== undefined) return undefined
    const [certificate] = certFile.file.certificates
    if (certificate === undefined) {
      const message = `no certificate can be read from the cert_file ${quoted(certFile.path)}`
      return { position: certFile.position, message, fix: 'Name a file with the certificate in PEM.' }
    }
    if (keyFile?.file === undefined || keyFile.file.problem !== undefined) return undefined
    const { position, file } = keyFile
    const path = quoted(keyFile.path)
    if (file.privateKey === 'encrypted') {
      const message = `the key_file ${path} needs a passphrase, which cannot be given`
      return { position, message, fix: 'Name a key without a passphrase, readable by root alone.' }
    }
    if (file.privateKey === 'none')
      return { position, message: `no private key can be read from the key_file ${path}`, fix: 'Name a file with the private key in PEM.' }
    if (certificate.fits(file.pem)) return undefined
    const message = `the key_file ${path} does not belong to the certificate in ${quoted(certFile.path)}`
    return { position, message, fix: 'Name the key that the certificate was made with; the first certificate in the cert_file counts.' }
  },
}
