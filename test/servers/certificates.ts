import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string
  readonly key: string
}

/** A certificate authority that is made for one test. */
export interface CertificateAuthority extends KeyPair {
  /** A server certificate for localhost, 127.0.0.1 and ::1, or for the given names; `expired` makes one that ended yesterday. */
  server(options?: { readonly names?: readonly string[]; readonly expired?: boolean }): Promise<KeyPair>
  /** A client certificate with this common name. */
  client(commonName?: string): Promise<KeyPair>
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const day = 24 * 60 * 60 * 1000

/** Makes a certificate authority at run time; nothing is written to disk. */
export async function certificateAuthority(commonName = 'k3s-mirror test CA'): Promise<CertificateAuthority> {
  const keys = await generateKeys(algorithm)
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    keys,
    ...validity(false),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })

  async function issue(subject: string, usage: string, expired: boolean, extensions: readonly x509.Extension[]): Promise<KeyPair> {
    const own = await generateKeys(algorithm)
    const issued = await x509.X509CertificateGenerator.create({
      subject: `CN=${subject}`,
      issuer: certificate.subject,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      ...validity(expired),
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([usage]),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ...extensions,
      ],
    })
    return pem(issued, own.privateKey)
  }

  return {
    ...(await pem(certificate, keys.privateKey)),
    server: ({ names = ['localhost', '127.0.0.1', '::1'], expired = false } = {}) =>
      issue(names[0] ?? 'localhost', x509.ExtendedKeyUsage.serverAuth, expired, [
        new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: /^[0-9.]+$|:/.test(value) ? 'ip' : 'dns', value }))),
      ]),
    client: (name = 'k3s-mirror test client') => issue(name, x509.ExtendedKeyUsage.clientAuth, false, []),
  }
}

/** A self-signed RSA certificate, as the token server signs its tokens with. */
export async function selfSignedRsa(commonName: string): Promise<KeyPair> {
  const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }
  const keys = await generateKeys(rsa)
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    keys,
    ...validity(false),
    signingAlgorithm: rsa,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  })
  return pem(certificate, keys.privateKey)
}

function generateKeys(parameters: object): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(parameters as webcrypto.RsaHashedKeyGenParams, true, ['sign', 'verify'])
}

function validity(expired: boolean): { readonly notBefore: Date; readonly notAfter: Date } {
  const now = Date.now()
  return { notBefore: new Date(now - 30 * day), notAfter: new Date(now + (expired ? -day : 60 * day)) }
}

async function pem(certificate: x509.X509Certificate, privateKey: webcrypto.CryptoKey): Promise<KeyPair> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', privateKey)
  return { certificate: certificate.toString('pem'), key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') }
}
