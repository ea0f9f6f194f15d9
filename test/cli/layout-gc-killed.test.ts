import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { env } from 'node:process'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { readLayout } from '../../src/layout/open-layout.ts'
import { contentsOf } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { tinyBlob, tinyManifest, type TinyBlob, type TinyImage } from '../layout/tiny-image.ts'
import { callUrl, type Answer } from '../registry-server/start-registry.ts'
import { runCli, startCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { until } from '../servers/until.ts'
import { serve, type Serving } from './serve-cli.ts'

const rounds = Number(env['GC_ROUNDS'] ?? 3)
const path = 'rancher/x'

const sharedLayers = Array.from({ length: 6 }, () => tinyBlob(randomBytes(20_000), 'application/vnd.oci.image.layer.v1.tar'))

/** An index over two images of one layer of their own and one of a few that many images have. */
function someImage(): TinyImage {
  const images = ['amd64', 'arm64'].map((architecture) => {
    const layers = [
      sharedLayers[randomInt(sharedLayers.length)] as TinyBlob,
      tinyBlob(randomBytes(5000), 'application/vnd.oci.image.layer.v1.tar'),
    ]
    const config = tinyBlob(
      Buffer.from(JSON.stringify({ architecture, os: 'linux', made: randomBytes(8).toString('hex') })),
      mediaTypes.ociConfig,
    )
    const descriptors = layers.map(({ descriptor }) => descriptor)
    const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: config.descriptor, layers: descriptors })
    return { blobs: [...layers, config], root }
  })
  const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: images.map((image) => image.root.descriptor) })
  return { blobs: images.flatMap(({ blobs }) => blobs), manifests: [...images.map((image) => image.root), root], root }
}

/** Pushes images through one server after another and deletes older ones, as four clients do; none of them may be refused. */
class Clients {
  /** What the server has acknowledged last: a digest, or that the tag is gone; undefined where a kill came in between. */
  readonly tags = new Map<string, string | undefined>()
  url = ''
  pushes = 0
  #isDone = false

  async run(): Promise<void> {
    await Promise.all([0, 1, 2, 3].map((client) => this.#work(client)))
  }

  end(): void {
    this.#isDone = true
  }

  async #work(client: number): Promise<void> {
    for (let at = 0; !this.#isDone; at++) {
      const isPushed = await this.#push(`${client}-${at}`, someImage())
      if (!isPushed) await delay(50)
      else if (at > 1) await this.#delete(`${client}-${at - 2}`)
    }
  }

  /** The answer; undefined where the server was killed. */
  async #call(method: string, rest: string, more?: { body: Uint8Array; headers?: Record<string, string> }): Promise<Answer | undefined> {
    try {
      return await callUrl(this.url, method, `/v2/${path}/${rest}`, more)
    } catch {
      return undefined
    }
  }

  async #push(tag: string, image: TinyImage): Promise<boolean> {
    const { url } = this
    for (const { bytes, descriptor } of image.blobs) {
      const found = await this.#call('HEAD', `blobs/${descriptor.digest}`)
      if (found?.status === 200) continue
      const sent = found && (await this.#call('POST', `blobs/uploads/?digest=${descriptor.digest}`, { body: bytes }))
      if (sent === undefined) return false
      assert.equal(sent.status, 201, sent.body.toString())
    }
    for (const { bytes, descriptor } of image.manifests) {
      const isRoot = descriptor.digest === image.root.descriptor.digest
      if (isRoot) this.tags.set(tag, undefined)
      const headers = { 'content-type': descriptor.mediaType }
      const put = await this.#call('PUT', `manifests/${isRoot ? tag : descriptor.digest}`, { body: bytes, headers })
      if (put === undefined) return false
      // A server that has taken over from a killed one does not know what that one promised.
      if (put.status !== 201 && url !== this.url) return false
      assert.equal(put.status, 201, put.body.toString())
    }
    this.tags.set(tag, image.root.descriptor.digest)
    this.pushes++
    return true
  }

  async #delete(tag: string): Promise<void> {
    this.tags.set(tag, undefined)
    if ((await this.#call('DELETE', `manifests/${tag}`))?.status === 202) this.tags.set(tag, 'gone')
  }
}

/** Reads everything that every tag leads to; the answer is the digests of it. */
async function checkWhole(directory: string, tags: ReadonlyMap<string, string | undefined>): Promise<ReadonlySet<string>> {
  const layout = await readLayout(directory)
  const repository = { registry: 'localhost', path }
  const reached = new Set<string>()
  const found = layout.tags(repository)
  for (const [tag, digest] of tags)
    if (digest !== undefined) assert.equal(found.includes(tag), digest !== 'gone', `${tag} should be ${digest}`)
  for (const tag of found) {
    const root = await layout.getManifest({ ...repository, tag })
    if (tags.get(tag) !== undefined) assert.equal(root.descriptor.digest, tags.get(tag))
    reached.add(root.descriptor.digest)
    const index = contentsOf(root)
    assert.ok(index.kind === 'index')
    for (const { digest } of index.manifests) {
      reached.add(digest)
      const child = contentsOf(await layout.getManifest({ ...repository, digest }))
      assert.ok(child.kind === 'image')
      for (const blob of [child.config, ...child.layers]) {
        if (!reached.has(blob.digest)) assert.ok(await layout.verifyBlob(blob.digest), `${tag} lacks ${blob.digest}`)
        reached.add(blob.digest)
      }
    }
  }
  return reached
}

test(
  'kills during collections and pushes lose nothing, and the next collection leaves nothing behind',
  { timeout: rounds * 20_000 },
  async () => {
    await using dir = await tempDir()
    const clients = new Clients()
    const start = async (): Promise<Serving> => {
      const serving = await serve(dir.path, '--writable')
      clients.url = serving.url
      return serving
    }
    let serving = await start()
    const pushing = clients.run()
    try {
      for (let round = 0; round < rounds; round++) {
        const before = clients.pushes
        await until(() => clients.pushes > before + 1)
        const gc = await startCli(['layout', 'gc', dir.path])
        await delay(randomInt(100, 1200))
        // By turns the process that asks, the server that collects while clients push, and a collection without a server.
        if (round % 3 === 0) gc.child.kill('SIGKILL')
        else serving.child.kill('SIGKILL')
        await gc.finished
        if (round % 3 === 0) continue
        await serving.finished
        if (round % 3 === 2) {
          const offline = await startCli(['layout', 'gc', dir.path])
          await delay(randomInt(150, 600))
          offline.child.kill('SIGKILL')
          await offline.finished
        }
        await checkWhole(dir.path, clients.tags)
        serving = await start()
      }
      const last = await runCli(['layout', 'gc', dir.path])
      assert.equal(last.status, 0, last.stderr)
      assert.match(last.stdout, /the server that writes to the layout did this/)
    } finally {
      clients.end()
      await pushing
      serving.child.kill('SIGKILL')
      await serving.finished
    }
    await checkWhole(dir.path, clients.tags)
    const offline = await runCli(['layout', 'gc', dir.path])
    assert.equal(offline.status, 0, offline.stderr)
    const reached = await checkWhole(dir.path, clients.tags)
    assert.deepEqual(new Set((await readdir(join(dir.path, 'blobs/sha256'))).map((name) => `sha256:${name}`)), reached)
    assert.deepEqual(await readdir(join(dir.path, '.k3s-mirror/uploads')), [])
  },
)
