import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { version } from '../../src/version.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { compareRelease } from '../servers/compare-release.ts'
import { startContainerd } from '../servers/containerd.ts'
import { listen } from '../servers/listen.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { imageFile, requireServer } from '../servers/require-server.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { until } from '../servers/until.ts'

const program = '/usr/local/bin/k3s-mirror'
const image = { namespace: 'default', name: `docker.io/library/k3s-mirror:${version}` } as const
const tmpfs = (path: string, options: string): readonly string[] => ['--mount', `type=tmpfs,src=tmpfs,dst=${path},options=${options}`]
const restricted = ['--net-host', '--read-only', ...tmpfs('/tmp', 'mode=1777')]

async function freePort(): Promise<number> {
  const { port, close } = await listen(createServer())
  await close()
  return port
}

test('containerd imports all platforms of the image and runs mirror and serve with a read-only root', { timeout: 240_000 }, async (t) => {
  if (!requireServer(t, 'image') || !requireServer(t, 'containerd')) return
  await using containerd = await startContainerd()
  await using hub = await startRegistry()
  const release = await seedRelease(hub.url, { images: k3sImages.slice(0, 2) })
  assert.ok((await containerd.importArchive(imageFile)).includes(image.name))
  const site = `127.0.0.1:${await freePort()}`
  const serve = [program, 'serve', '/data/site', '--writable', '--listen', site]
  // it ends with containerd
  void containerd.run(image, serve, [...restricted, ...tmpfs('/data', 'uid=65532')]).catch(String)
  await until(async () => (await fetch(`http://${site}/healthz`).then((answer) => answer.text(), String)) === 'ok\n')
  const references = release.images.map(({ repository, tag }) => `${hub.host}/${repository}:${tag}`)
  await containerd.run(image, [program, 'mirror', ...references, '--to', `http://${site}/mirror`], restricted)
  await compareRelease(`http://${site}`, 'mirror/', release)
})
