import assert from 'node:assert/strict'
import { test } from 'node:test'
import pLimit from 'p-limit'
import { startRegistry } from '../registry-server/start-registry.ts'
import { compareRelease } from '../servers/compare-release.ts'
import { faultProxy } from '../servers/fault-proxy.ts'
import { plainRequest } from '../servers/http-request.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { findProgram } from '../servers/require-server.ts'
import { runCli, startCli } from '../servers/run-cli.ts'
import { seedRelease, type SeededImage, type SeededManifest, type SeededRelease } from '../servers/seed-release.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir } from '../servers/temp-dir.ts'

/** Numbers that look random and are the same in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

async function isThere(url: string): Promise<boolean> {
  return (await plainRequest(url, { method: 'HEAD' })).status === 200
}

async function requireBlobs(repository: string, { digest, config, layers }: SeededManifest): Promise<void> {
  for (const blob of [config, ...layers]) {
    assert.ok(await isThere(`${repository}/blobs/${blob.digest}`), `${repository}: ${digest} is visible without ${blob.digest}`)
  }
}

/** Parents are looked for first: what they need must have been there before them. */
async function requireWhole(registry: string, prefix: string, release: SeededRelease): Promise<void> {
  for (const image of release.images) {
    const repository = `${registry}/v2/${prefix}${image.repository}`
    const isTagged = await isThere(`${repository}/manifests/${image.tag}`)
    for (const manifest of image.manifests) {
      const isVisible = await isThere(`${repository}/manifests/${manifest.digest}`)
      if (isTagged) assert.ok(isVisible, `${image.reference} is visible without ${manifest.digest}`)
      if (isVisible) await requireBlobs(repository, manifest)
    }
  }
}

interface Moment {
  /** The command that is killed, up to its --to. */
  readonly command: readonly string[]
  readonly stdin?: string
  readonly release: SeededRelease
  /** The request to the destination at which the run is killed; undefined: it is not. */
  readonly request: number | undefined
}

/** Runs into an empty registry that takes any manifest, so that the order of writes is the program's own; gives the requests of a whole run. */
async function killAt({ command, stdin = '', release, request }: Moment): Promise<number> {
  await using to = await startRegistry({ sparse: true })
  await using destination = await faultProxy(to.url)
  const args = [...command, '--to', `${destination.url}/mirror`]
  const { child, finished } = await startCli(args, { stdin })
  destination.rule = (_request, { total }) => {
    if (total === request) child.kill('SIGKILL')
    return undefined
  }
  const { status, signal, stderr } = await finished
  assert.deepEqual([status, signal], request === undefined ? [0, null] : [null, 'SIGKILL'], stderr)
  const { total } = destination.counters
  if (request === undefined) return total
  await requireWhole(to.url, 'mirror/', release)
  const again = await runCli(args, { stdin })
  assert.equal(again.status, 0, again.stderr)
  await compareRelease(to.url, 'mirror/', release)
  if (findProgram('skopeo') !== undefined) await requireReadable(to.host, release.images[request % release.images.length])
  return total
}

async function killOften(times: number, whole: Moment): Promise<void> {
  const total = await killAt(whole)
  const random = randomNumbers(times)
  const moments = Array.from({ length: times }, () => 1 + Math.floor(random() * total))
  const limit = pLimit(2)
  await Promise.all(moments.map((request) => limit(() => killAt({ ...whole, request }))))
}

async function requireReadable(host: string, image: SeededImage | undefined): Promise<void> {
  const raw = await skopeo('inspect', '--raw', `docker://${host}/mirror/${image?.repository}:${image?.tag}`)
  assert.equal(raw, image?.index.bytes.toString())
}

test('shows nothing incomplete when killed at twenty random moments, and completes when run again', async () => {
  await using from = await startRegistry()
  const images = k3sImages.filter(({ repository }) => /coredns|metrics/.test(repository))
  const release = await seedRelease(from.url, { images })
  const command = ['mirror', '--images', '-', '--from', `docker.io=${from.url}`]
  await killOften(20, { command, stdin: release.list, release, request: undefined })
})

test('does the same for a push of a compressed bundle, killed at six random moments', async () => {
  await using directory = await tempDir()
  await using from = await startRegistry()
  const images = k3sImages.filter(({ repository }) => /coredns|metrics/.test(repository))
  const release = await seedRelease(from.url, { images })
  const file = `${directory.path}/k3s.tar.zst`
  const create = ['bundle', 'create', file, '--images', '-', '--from', `docker.io=${from.url}`]
  const { status, stderr } = await runCli(create, { stdin: release.list })
  assert.equal(status, 0, stderr)
  await killOften(6, { command: ['bundle', 'push', file], release, request: undefined })
})
