import 'reflect-metadata'
import { createPrivateKey, webcrypto } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const day = 24 * 60 * 60 * 1000

interface Made {
  readonly certificate: string
  readonly key: string
}

/** A certificate that signs itself and is valid between two days, counted from now. */
async function make(commonName: string, from: number, to: number): Promise<Made> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    keys,
    notBefore: new Date(Date.now() + from * day),
    notAfter: new Date(Date.now() + to * day),
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  })
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { certificate: `${certificate.toString('pem')}\n`, key: `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n` }
}

const modes: Readonly<Record<string, number>> = { 'readable.key': 0o644, 'group.key': 0o640 }

function encrypt(key: string): string {
  const passphrase = 'of the test'
  return createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString()
}

/**
 * Writes the files that the fixtures of rules name below `${dir}`. What is good: ca.crt, bundle.crt (an expired CA and a good one),
 * rollover.crt (a good CA and a future one), client.crt with client.key, both.pem (certificate and key in one); what is not:
 * broken.crt, partly.crt (a good CA and a broken one), empty.crt, expired.crt, expired-client.pem (with its key), future.crt, soon.crt
 * (expires in ten days), other.key, and three more of client.crt's key: encrypted.key, readable.key (0644), group.key (0640).
 * `missing.crt` is never there.
 */
export async function writeRuleFiles(dir: string): Promise<void> {
  const [ca, client, other, expired, future, soon] = await Promise.all([
    make('good CA', -30, 3650),
    make('client', -30, 3650),
    make('other', -30, 3650),
    make('expired CA', -30, -1),
    make('future CA', 5, 4000),
    make('soon expired CA', -30, 10),
  ])
  const broken = ca.certificate.replace(/MI../, 'AAAA')
  const files: Readonly<Record<string, string>> = {
    'ca.crt': ca.certificate,
    'bundle.crt': `# two of them\n${expired.certificate}${ca.certificate}`,
    'client.crt': client.certificate,
    'both.pem': client.certificate + client.key,
    'broken.crt': broken,
    'rollover.crt': ca.certificate + future.certificate,
    'partly.crt': ca.certificate + broken,
    'expired-client.pem': expired.certificate + expired.key,
    'encrypted.key': encrypt(client.key),
    'group.key': client.key,
    'empty.crt': 'no certificate here\n',
    'expired.crt': expired.certificate,
    'future.crt': future.certificate,
    'soon.crt': soon.certificate,
    'client.key': client.key,
    'other.key': other.key,
    'readable.key': client.key,
  }
  for (const [name, text] of Object.entries(files)) {
    const path = join(dir, name)
    await writeFile(path, text)
    await chmod(path, modes[name] ?? (name.endsWith('.crt') ? 0o644 : 0o600))
  }
}
