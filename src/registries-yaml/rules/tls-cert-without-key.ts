import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** A client certificate without a key, or a key without a certificate. */
export const tlsCertWithoutKey: Rule = {
  title: '`cert_file` without `key_file`, or the other way round',
  about: `K3s writes both names into the hosts.toml, and containerd takes an empty one for the directory that the hosts.toml is in: it
cannot read that, and every pull fails. A file that holds certificate and key has to be named twice. \`cert_file\` is the certificate of
the node, not that of the registry: that one, or the one that signed it, is the \`ca_file\`.`,
  tls: ({ key, certFile, keyFile }) => {
    if (certFile !== undefined && keyFile === undefined) {
      const fix =
        certFile.file?.privateKey === 'usable'
          ? 'Name the same file as key_file.'
          : "Name the key_file; for the registry's certificate, or its authority's, write ca_file."
      return { position: certFile.position, message: `${shown(key)} has a cert_file and no key_file: pulls from there fail`, fix }
    }
    if (keyFile === undefined || certFile !== undefined) return undefined
    const message = `${shown(key)} has a key_file and no cert_file: pulls from there fail`
    return { position: keyFile.position, message, fix: 'Name the cert_file, or remove the key_file.' }
  },
}
