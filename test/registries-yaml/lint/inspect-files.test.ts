import assert from 'node:assert/strict'
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { after, before, test } from 'node:test'
import { inspectFiles, type InspectedFile } from '../../../src/registries-yaml/lint/inspect-files.ts'
import type { Registries, RegistryTls } from '../../../src/registries-yaml/registries.ts'
import { certificateAuthority } from '../../servers/certificates.ts'
import { tempDir, type TempDir } from '../../servers/temp-dir.ts'
import { writeRuleFiles } from './rule-files.ts'

let directory: TempDir

before(async () => {
  directory = await tempDir()
  await writeRuleFiles(directory.path)
})
after(() => directory[Symbol.asyncDispose]())

const at = (name: string): string => join(directory.path, name)

function naming(tls: Partial<RegistryTls>): Registries {
  const all = { caFile: '', certFile: '', keyFile: '', insecureSkipVerify: false, ...tls }
  return { mirrors: new Map(), configs: new Map([['registry.example.com', { auth: undefined, tls: all }]]) }
}

async function inspect(path: string): Promise<InspectedFile> {
  const file = (await inspectFiles(naming({ caFile: path }))).get(path)
  assert.ok(file !== undefined, `${path} was not looked at`)
  return file
}

test('a certificate is read with its subject and its validity', async () => {
  const authority = await certificateAuthority('the authority')
  await writeFile(at('made.crt'), `some words before\n${authority.certificate}\nand behind\n`)
  const { problem, certificates, brokenCertificates, privateKey } = await inspect(at('made.crt'))
  assert.deepEqual([problem, brokenCertificates, privateKey, certificates.length], [undefined, 0, 'none', 1])
  const [certificate] = certificates
  assert.equal(certificate?.subject, 'CN=the authority')
  assert.ok(certificate.validFrom < new Date() && certificate.validTo > new Date())
  assert.equal(certificate.fits(authority.key), true)
  assert.equal(certificate.fits((await certificateAuthority()).key), false)
  assert.equal(certificate.fits('no key'), false)
})

test('a valid certificate is read next to a broken one', async () => {
  const { certificates, brokenCertificates } = await inspect(at('partly.crt'))
  assert.deepEqual([certificates.length, brokenCertificates], [1, 1])
  assert.equal((await inspect(at('bundle.crt'))).certificates.length, 2)
})

test('other text than a PEM certificate yields no certificate', async () => {
  await writeFile(at('der.crt'), Buffer.from([0x30, 0x82, 0x01, 0x0a, 0xff, 0x00]))
  for (const name of ['empty.crt', 'der.crt', 'client.key']) {
    const { certificates, brokenCertificates, problem } = await inspect(at(name))
    assert.deepEqual([certificates, brokenCertificates, problem], [[], 0, undefined], name)
  }
})

test('private keys are usable, encrypted or missing', async () => {
  await writeFile(at('broken.key'), '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')
  const kinds = await Promise.all(
    ['client.key', 'both.pem', 'encrypted.key', 'broken.key', 'ca.crt'].map(async (name) => (await inspect(at(name))).privateKey),
  )
  assert.deepEqual(kinds, ['usable', 'usable', 'encrypted', 'none', 'none'])
})

test('permissions are those of the file', { skip: process.platform === 'win32' }, async () => {
  assert.equal((await inspect(at('client.key'))).mode, 0o600)
  assert.equal((await inspect(at('readable.key'))).mode, 0o644)
})

test('an unreadable file yields only the reason', async () => {
  await mkdir(at('directory'))
  await symlink('loop', at('loop'))
  await writeFile(at('large'), '')
  await truncate(at('large'), 5 * 1024 * 1024)
  const problems = { missing: 'missing', 'client.crt/below': 'missing', directory: 'not a file', loop: 'unreadable', large: 'too large' }
  for (const [name, problem] of Object.entries(problems)) {
    assert.deepEqual(
      await inspect(at(name)),
      { problem, mode: undefined, certificates: [], brokenCertificates: 0, privateKey: 'none', pem: '' },
      name,
    )
  }
})

test('a relative path is not inspected', async () => {
  const files = await inspectFiles(
    naming({ caFile: relative(process.cwd(), at('ca.crt')), certFile: 'client.crt', keyFile: '~/client.key' }),
  )
  assert.equal(files.size, 0)
})

test('a repeated path is inspected once, an empty path never', async () => {
  const files = await inspectFiles(naming({ caFile: at('both.pem'), certFile: at('both.pem'), keyFile: '' }))
  assert.deepEqual([...files.keys()], [at('both.pem')])
})

test('an aborted inspection throws the reason', async () => {
  const signal = AbortSignal.abort(new Error('enough'))
  await assert.rejects(inspectFiles(naming({ caFile: at('ca.crt') }), { signal }), /enough/)
})
