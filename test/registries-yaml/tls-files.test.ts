import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { readRegistriesConfigs } from '../../src/registries-yaml/read-configs.ts'
import { readTlsFiles } from '../../src/registries-yaml/tls-files.ts'
import { certificateAuthority } from '../servers/certificates.ts'
import { tempDir } from '../servers/temp-dir.ts'

const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
const none = { caFile: '', certFile: '', keyFile: '', insecureSkipVerify: false }

test('CA, certificate, key and insecure_skip_verify are read', async () => {
  const authority = await certificateAuthority()
  const client = await authority.client()
  await using directory = await tempDir()
  const files = {
    caFile: await directory.write('ca.pem', `a comment\n${authority.certificate}\n${client.certificate}`),
    certFile: await directory.write('client.pem', client.certificate),
    keyFile: await directory.write('client-key.pem', client.key),
    insecureSkipVerify: true,
  }
  const tls = await readTlsFiles(files)
  assert.ok('ca' in tls)
  assert.deepEqual([tls.cert, tls.key, tls.insecureSkipVerify], [client.certificate, client.key, true])
  assert.deepEqual(await readTlsFiles(none), {})

  const path = await directory.write(
    'registries.yaml',
    `configs:\n  r.example.com:5000:\n    tls:\n      ca_file: ${files.caFile}\n      insecure_skip_verify: on\n`,
  )
  const configs = await readRegistriesConfigs(path)
  assert.deepEqual(configs.tlsFor('https://r.example.com:5000'), { ca: tls.ca, insecureSkipVerify: true })
  assert.equal(configs.tlsFor('https://r.example.com'), undefined)
  assert.equal(configs.credentialsFor('https://r.example.com:5000'), undefined)
})

test('only the certificates that Go can parse are passed to OpenSSL', async () => {
  const [authority, other] = [await certificateAuthority(), await certificateAuthority('another')]
  await using directory = await tempDir()
  const trusted = other.certificate.replaceAll(' CERTIFICATE', ' TRUSTED CERTIFICATE')
  const caFile = await directory.write('ca.pem', `${broken}${authority.certificate}\n${trusted}${broken}`)
  const read = await readTlsFiles({ ...none, caFile })
  assert.ok('ca' in read, JSON.stringify(read))
  assert.equal(read.ca.trim(), authority.certificate.trim())
})

// C37
test('a missing half of a pair, an unreadable file, garbage and an expired certificate are rejected', async () => {
  const authority = await certificateAuthority()
  const client = await authority.client()
  const expired = await authority.server({ expired: true })
  await using directory = await tempDir()
  const write = (name: string, text: string): Promise<string> => directory.write(name, text)
  const garbage = await write('garbage.pem', broken)
  const fifo = `${directory.path}/key.fifo`
  execFileSync('mkfifo', [fifo])
  const certFile = await write('client.pem', client.certificate)
  const keyFile = await write('client-key.pem', client.key)
  const { privateKey: locked } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
  })
  const cases: readonly (readonly [fields: Partial<typeof none>, field: string, why: RegExp])[] = [
    [{ certFile }, 'cert_file', /requires key_file/],
    [{ keyFile }, 'key_file', /requires cert_file/],
    [{ caFile: `${directory.path}/none.pem` }, 'ca_file', /none\.pem cannot be read \(ENOENT\)/],
    [{ caFile: directory.path }, 'ca_file', /is not a regular file/],
    [{ caFile: '/dev/zero' }, 'ca_file', /\/dev\/zero is not a regular file/],
    [{ certFile, keyFile: fifo }, 'key_file', /key\.fifo is not a regular file/],
    [{ caFile: await write('huge.pem', `${client.certificate}${'#'.repeat(1024 * 1024)}`) }, 'ca_file', /larger than 1 MiB/],
    [
      { caFile: await write('trusted.pem', client.certificate.replaceAll(' CERTIFICATE', ' TRUSTED CERTIFICATE')) },
      'ca_file',
      /contains no PEM/,
    ],
    [
      { certFile: await write('broken-first.pem', `${broken}${client.certificate}`), keyFile },
      'cert_file',
      /contains an invalid certificate/,
    ],
    [{ caFile: keyFile }, 'ca_file', /contains no PEM certificate/],
    [{ caFile: garbage }, 'ca_file', /contains an invalid certificate/],
    [{ certFile: garbage, keyFile }, 'cert_file', /contains an invalid certificate/],
    [{ certFile, keyFile: certFile }, 'key_file', /no PEM private key/],
    [{ certFile, keyFile: await write('locked.pem', locked) }, 'key_file', /or an encrypted one/],
    [{ certFile, keyFile: await write('other.pem', expired.key) }, 'key_file', /does not match the certificate/],
    [
      { certFile: await write('expired.pem', expired.certificate), keyFile: await write('expired-key.pem', expired.key) },
      'cert_file',
      /expired on \d{4}-\d\d-\d\d/,
    ],
  ]
  for (const [fields, field, why] of cases) {
    const problem = await readTlsFiles({ ...none, ...fields })
    assert.ok('field' in problem, String(why))
    assert.equal(problem.field, field)
    assert.match(problem.why, why)
  }
})

// C37
test('an error contains the position in the file', async () => {
  await using directory = await tempDir()
  const path = await directory.write('registries.yaml', 'configs:\n  r:\n    tls:\n      cert_file: /a.pem\n')
  await assert.rejects(readRegistriesConfigs(path), {
    code: 'INVALID_CONFIG',
    message: `${path}:4:7: configs.r.tls.cert_file: cert_file requires key_file`,
  })
})
