import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Header } from 'tar'
import { packTar } from '../bundle/bundle-files.ts'
import { dockerSave, indexJson, ociLayout } from '../bundle/foreign-files.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir } from '../servers/temp-dir.ts'

const block = 512
const saved = dockerSave({ tags: ['site/tool:1'], layers: [Buffer.alloc(1024, 'layer')] })

/** The archive without the zeros at its end. */
async function withoutEnd(path: string): Promise<Buffer> {
  const bytes = await readFile(path)
  let { length } = bytes
  while (bytes.subarray(length - block, length).every((byte) => byte === 0)) length -= block
  return bytes.subarray(0, length)
}

function header(path: string, type: 'TapeVolumeHeader' | 'FIFO' | 'CharacterDevice'): Buffer {
  const bytes = Buffer.alloc(block)
  new Header({ path, type, mode: 0o644, size: 0, mtime: new Date(0) }).encode(bytes)
  return bytes
}

for (const [what, change] of [
  ['without end blocks', (body: Buffer) => body],
  ['with a single end block', (body: Buffer) => Buffer.concat([body, Buffer.alloc(block)])],
  ['that is filled up with 40 MiB of zeros', (body: Buffer) => Buffer.concat([body, Buffer.alloc(40 * 1024 ** 2)])],
  ['with a volume label', (body: Buffer) => Buffer.concat([header('K3s images', 'TapeVolumeHeader'), body, Buffer.alloc(2 * block)])],
] as const) {
  test(`a tar ${what} is pushed, checked and described, plain and compressed, as GNU tar and skopeo read it`, async (t) => {
    if (!requireServer(t, 'skopeo')) return
    await using packed = await packTar(saved)
    await using directory = await tempDir()
    const bytes = change(await withoutEnd(packed.path))
    const plain = await directory.write('x.tar', bytes)
    execFileSync('tar', ['--list', '--file', plain])
    assert.match(await skopeo('inspect', `docker-archive:${plain}`), /"Architecture": "amd64"/)
    for (const file of [plain, await directory.write('x.tar.gz', gzipSync(bytes))]) {
      await using to = await startRegistry()
      const push = await runCli(['bundle', 'push', file, '--to', to.url])
      assert.equal(push.status, 0, push.stderr)
      for (const command of ['info', 'check']) assert.equal((await runCli(['bundle', command, file])).status, 0)
    }
  })
}

test('a FIFO and a device in a tar are refused by what they are', async () => {
  await using packed = await packTar(saved)
  const body = await readFile(packed.path)
  for (const [type, words] of [
    ['FIFO', /pipe is a FIFO/],
    ['CharacterDevice', /pipe is a character device/],
  ] as const) {
    await writeFile(packed.path, Buffer.concat([header('pipe', type), body]))
    const { status, stderr } = await runCli(['bundle', 'info', packed.path])
    assert.equal(status, 3)
    assert.match(stderr, words)
  }
})

test('an archive that was cut off behind a file is refused where its index names more, though an export of one platform is not', async () => {
  const images = [
    { architecture: 'amd64', layers: [Buffer.alloc(1024, 'amd64')] },
    { architecture: 'arm64', layers: [Buffer.alloc(1024, 'arm64')] },
  ]
  const { files, index } = ociLayout(...images)
  const named = { 'io.containerd.image.name': 'docker.io/site/tool:1' }
  const [first = { architecture: '', layers: [] }] = images
  const half = {
    'index.json': indexJson(index, named),
    [`blobs/sha256/${indexDigest(index)}`]: index,
    ...ociLayout(first).files,
  }
  await using whole = await packTar({ ...half, ...files })
  await using part = await packTar(half)
  for (const command of ['info', 'check']) {
    assert.equal((await runCli(['bundle', command, whole.path])).status, 0)
    assert.equal((await runCli(['bundle', command, part.path])).status, 0)
  }
  await truncate(part.path, (await withoutEnd(part.path)).length)
  for (const [command, status] of [
    ['info', 3],
    ['check', 4],
  ] as const) {
    const cut = await runCli(['bundle', command, part.path])
    assert.equal(cut.status, status)
    assert.match(cut.stdout + cut.stderr, /is missing, because the archive is truncated/)
  }
  await truncate(whole.path, (await withoutEnd(whole.path)).length)
  assert.equal((await runCli(['bundle', 'info', whole.path])).status, 0)
})

function indexDigest(index: Uint8Array): string {
  const { manifests } = JSON.parse(indexJson(index, {})) as { readonly manifests: readonly { readonly digest: string }[] }
  return manifests[0]?.digest.slice(7) ?? ''
}

test('an archive that is compressed twice, packed with its directory, or a directory itself is refused with what to do', async () => {
  await using packed = await packTar(saved)
  await using below = await packTar(Object.fromEntries(Object.entries(saved).map(([path, content]) => [`images/${path}`, content])))
  await using directory = await tempDir()
  const twice = await directory.write('x.tar.gz', gzipSync(gzipSync(await readFile(packed.path))))
  for (const [path, status, words] of [
    [twice, 2, /is compressed twice: it contains gzip data/],
    [below.path, 2, /hint: pack the contents of its directory "images", as in tar -C images/],
    [directory.path, 2, /" is not an archive: it is a directory \(USAGE\)/],
  ] as const) {
    const result = await runCli(['bundle', 'info', path])
    assert.equal(result.status, status)
    assert.match(result.stderr, words)
  }
})

test('an archive in a compression that is not supported exits with 2 and the command that decompresses it', async () => {
  await using directory = await tempDir()
  const path = await directory.write('k3s.tar.lz4', Buffer.from('04224d186440a7', 'hex'))
  for (const args of [
    ['info', path],
    ['check', path],
    ['push', path, '--to', 'localhost:1'],
    ['load', path],
  ]) {
    const { status, stderr } = await runCli(['bundle', ...args])
    assert.equal(status, 2)
    assert.match(stderr, /k3s\.tar\.lz4 is compressed with lz4: only gzip and zstd are supported.*\nhint: decompress it first with lz4 -d/s)
  }
})
