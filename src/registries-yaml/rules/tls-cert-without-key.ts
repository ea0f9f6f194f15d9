import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** A client certificate without a key, or a key without a certificate. */
export const tlsCertWithoutKey: Rule = {
  title: '`cert_file` without `key_file`, or `key_file` without `cert_file`',
  about: `K3s writes both paths into the hosts.toml. containerd resolves an empty path to the directory of the hosts.toml, which it cannot read, and every pull fails.
If one file contains the certificate and the key, write its path twice. \`cert_file\` is the client certificate of the node. The certificate of the registry or of its
CA is the \`ca_file\`.`,
  tls: ({ key, certFile, keyFile }) => {
    if (certFile !== undefined && keyFile === undefined) {
      const fix =
        certFile.file?.privateKey === 'usable'
          ? 'write the same path as key_file'
          : 'write the key_file, or write ca_file for the certificate of the registry or its CA'
      return { position: certFile.position, message: `${shown(key)} has a cert_file but no key_file: every pull from it fails`, fix }
    }
    if (keyFile === undefined || certFile !== undefined) return undefined
    const message = `${shown(key)} has a key_file but no cert_file: every pull from it fails`
    return { position: keyFile.position, message, fix: 'write the cert_file, or remove the key_file' }
  },
}
