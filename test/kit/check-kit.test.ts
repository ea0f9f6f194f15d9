import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBundleIndex, layoutVersion } from '../../src/bundle/bundle-contents.ts'
import { formatBundleRecord, type KitFile } from '../../src/bundle/bundle-record.ts'
import { checkKit, describeKit } from '../../src/kit/check-kit.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { bundleFiles, packTar } from '../bundle/bundle-files.ts'
import { checksumLine } from '../servers/k3s-files.ts'

/** The files of a kit without images; `record` names what it is given, and SHA256SUMS all of that. */
function kitFiles(
  files: Readonly<Record<string, string>>,
  sums?: string,
  base: readonly KitFile[] = [],
): Record<string, string | Uint8Array> {
  const named = Object.entries(files).map(([path, text]) => [path, Buffer.from(text)] as const)
  const lines = sums ?? named.map(([path, bytes]) => checksumLine(path, bytes)).join('')
  const all = [...named, ['SHA256SUMS', Buffer.from(lines)] as const]
  const record = {
    tool: 'test',
    lists: [],
    images: [],
    files: all.map(([path, bytes]) => ({ path, digest: sha256(bytes), size: bytes.length })),
    ...(base.length > 0 && { base: { bundle: sha256(Buffer.from('earlier')), contents: [], files: base } }),
  }
  const bytes = formatBundleRecord(record)
  return {
    ...Object.fromEntries(all),
    'oci-layout': layoutVersion,
    'index.json': formatBundleIndex(record, bytes),
    'k3s-mirror.json': bytes,
  }
}

async function problemsOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<readonly string[]> {
  await using packed = await packTar(files)
  return (await checkKit(packed.path)).problems.map(({ message }) => message)
}

const k3s = 'binary'
const sum = checksumLine('k3s', Buffer.from(k3s))
const good = { 'k3s/v1/k3s': k3s, 'k3s/v1/sha256sum-amd64.txt': sum }

test('finds no problem in a kit whose files are what the record, SHA256SUMS and the release say', async () => {
  assert.deepEqual(await problemsOf(kitFiles(good)), [])
})

test('names each file that is missing, changed, of another size, or not in the record', async () => {
  const { 'k3s/v1/k3s': _, ...without } = kitFiles(good)
  assert.deepEqual(await problemsOf(without), ['k3s/v1/k3s is missing'])
  assert.deepEqual(await problemsOf({ ...kitFiles(good), 'k3s/v1/k3s': 'BINARY' }), ['k3s/v1/k3s does not match its digest'])
  assert.deepEqual(await problemsOf({ ...kitFiles(good), 'k3s/v1/k3s': 'longer binary' }), ['k3s/v1/k3s has 13 bytes, not the declared 6'])
  assert.deepEqual(await problemsOf({ ...kitFiles(good), 'install.sh': '#!' }), ['install.sh is not in the record of the kit'])
})

test('compares SHA256SUMS with the record, and binaries with the checksum files of their release', async () => {
  assert.deepEqual(await problemsOf(kitFiles(good, sum)), ['SHA256SUMS does not match the record of the kit'])
  const wrong = { ...good, 'k3s/v1/sha256sum-amd64.txt': checksumLine('k3s', Buffer.from('other')) }
  assert.deepEqual(await problemsOf(kitFiles(wrong)), ['k3s/v1/k3s does not match k3s/v1/sha256sum-amd64.txt'])
  assert.deepEqual(await problemsOf(kitFiles({ 'k3s/v1/k3s-arm64': 'x' })), ['no checksum file of the kit names k3s/v1/k3s-arm64'])
  const base = [{ path: 'k3s/v1/k3s', digest: sha256(Buffer.from('earlier')), size: 7 }]
  assert.deepEqual(await problemsOf(kitFiles({ 'k3s/v1/sha256sum-amd64.txt': sum }, undefined, base)), [
    'k3s/v1/k3s does not match k3s/v1/sha256sum-amd64.txt',
  ])
})

test('refuses a bundle without files', async () => {
  await using packed = await packTar(bundleFiles({}))
  await assert.rejects(checkKit(packed.path), { code: 'USAGE', message: /is not a kit: its record lists no files/ })
  await assert.rejects(describeKit(packed.path), { code: 'USAGE' })
})
