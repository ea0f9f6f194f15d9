import { quoted } from '../../text/printable.ts'
import type { Rule } from '../lint/rule.ts'

/** A client certificate and a key that do not match. */
export const tlsKeyMismatch: Rule = {
  title: '`cert_file` and `key_file` do not match',
  about: `containerd reads both files for every pull. If one of them is invalid, or if the key does not match the first certificate, every pull from that host fails.`,
  tls: ({ certFile, keyFile }) => {
    if (certFile?.file === undefined || certFile.file.problem !== undefined) return undefined
    const [certificate] = certFile.file.certificates
    if (certificate === undefined) {
      const message = `the cert_file ${quoted(certFile.path)} contains no valid certificate`
      return { position: certFile.position, message, fix: 'use a PEM file with the client certificate' }
    }
    if (keyFile?.file === undefined || keyFile.file.problem !== undefined) return undefined
    const { position, file } = keyFile
    const path = quoted(keyFile.path)
    if (file.privateKey === 'encrypted') {
      const message = `the key_file ${path} requires a passphrase, which containerd does not support`
      return { position, message, fix: 'use a key without a passphrase that only root can read' }
    }
    if (file.privateKey === 'none')
      return { position, message: `the key_file ${path} contains no valid private key`, fix: 'use a PEM file with the private key' }
    if (certificate.fits(file.pem)) return undefined
    const message = `the key_file ${path} does not match the certificate in ${quoted(certFile.path)}`
    return { position, message, fix: 'use the key of the first certificate in the cert_file' }
  },
}
