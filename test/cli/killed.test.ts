import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRegistry } from '../registry-server/start-registry.ts'
import { compareRelease } from '../servers/compare-release.ts'
import { faultProxy } from '../servers/fault-proxy.ts'
import { plainRequest } from '../servers/http-request.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli, startCli } from '../servers/run-cli.ts'
import { seedRelease, type SeededManifest, type SeededRelease } from '../servers/seed-release.ts'
import { skopeo } from '../servers/skopeo.ts'

const moments = 20

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

test('killed at twenty random moments, nothing incomplete is visible, and a rerun completes', async (t) => {
  const images = k3sImages.filter(({ repository }) => /coredns|metrics|busybox|pause/.test(repository))
  await using from = await startRegistry()
  // a destination that takes any manifest: the order of writes is the program's own
  await using to = await startRegistry({ sparse: true })
  await using destination = await faultProxy(to.url)
  const release = await seedRelease(from.url, { images })
  const args = (prefix: string) => ['mirror', '--images', '-', '--from', `docker.io=${from.url}`, '--to', `${destination.url}/${prefix}`]

  const { status, stderr } = await runCli(args('whole'), { stdin: release.list })
  assert.equal(status, 0, stderr)
  const random = randomNumbers(20)
  const { total } = destination.counters
  for (let moment = 1; moment <= moments; moment++) {
    const prefix = `killed${moment}`
    const after = destination.counters.total + 1 + Math.floor(random() * 0.9 * total)
    const { child, finished } = await startCli(args(prefix), { stdin: release.list })
    destination.rule = (_request, counters) => {
      if (counters.total === after) child.kill('SIGKILL')
      return undefined
    }
    assert.equal((await finished).signal, 'SIGKILL')
    destination.rule = () => undefined
    await requireWhole(to.url, `${prefix}/`, release)
    const again = await runCli(args(prefix), { stdin: release.list })
    assert.equal(again.status, 0, again.stderr)
    await compareRelease(to.url, `${prefix}/`, release)
  }

  if (!requireServer(t, 'skopeo')) return
  for (const { repository, tag, index } of release.images) {
    assert.equal(await skopeo('inspect', '--raw', `docker://${to.host}/killed${moments}/${repository}:${tag}`), index.bytes.toString())
  }
})
