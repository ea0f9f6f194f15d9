import assert from 'node:assert/strict'
import { chmod } from 'node:fs/promises'
import { test } from 'node:test'
import { version } from '../../src/version.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { compareRelease } from '../servers/compare-release.ts'
import { startDockerEngine } from '../servers/docker-engine.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { imageFile, requireServer } from '../servers/require-server.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { until } from '../servers/until.ts'

const image = `k3s-mirror:${version}`
const restricted = ['--network=host', '--read-only', '--tmpfs=/tmp', '--cap-drop=ALL', '--security-opt=no-new-privileges']

test(
  'dockerd loads the image and runs mirror and serve without root, capabilities and a writable root',
  { timeout: 240_000 },
  async (t) => {
    if (!requireServer(t, 'image') || !requireServer(t, 'dockerd')) return
    await using engine = await startDockerEngine()
    await using hub = await startRegistry()
    await using directory = await tempDir()
    const release = await seedRelease(hub.url, { images: k3sImages.slice(0, 3) })
    await engine.docker('load', '--input', imageFile)
    // a volume that nobody has made takes its owner from the image
    const serve = await engine.docker(
      'run',
      '--detach',
      ...restricted,
      '--volume=site:/data',
      image,
      'serve',
      '.',
      '--writable',
      '--listen',
      '127.0.0.1:0',
    )
    const site = serve.stdout.trim()
    const logOf = async (id: string): Promise<string> => Object.values(await engine.docker('logs', id)).join('')
    await until(async () => /at (http:\/\/[^ ]+)/.test(await logOf(site)))
    const [, url = ''] = /at (http:\/\/[^ ]+)/.exec(await logOf(site)) ?? []
    assert.equal(await (await fetch(`${url}/healthz`)).text(), 'ok\n')

    // a user that no file of the image knows
    const mirror = ['mirror', '--images', '/lists/list.txt', '--from', `docker.io=${hub.url}`, '--to', `${url}/mirror`]
    await directory.write('list.txt', release.list)
    await chmod(directory.path, 0o755)
    await chmod(`${directory.path}/list.txt`, 0o644)
    await engine.docker('run', '--rm', ...restricted, '--user=123456:0', `--volume=${directory.path}:/lists:ro`, image, ...mirror)
    await compareRelease(url, 'mirror/', release)

    await using silent = await scriptedServer(() => new Promise<void>(() => undefined))
    const stuck = await engine.docker('run', '--detach', ...restricted, image, 'mirror', `${silent.host}/x:1`, '--to', url)
    const waiting = stuck.stdout.trim()
    await until(() => silent.requests.length > 0)
    await engine.docker('stop', '--time=100', site, waiting)
    const { stdout: codes } = await engine.docker('inspect', '--format={{.State.ExitCode}}', site, waiting)
    // not 137, which is what a program is killed with that does not heed SIGTERM
    assert.equal(codes, '0\n143\n')
    assert.deepEqual(engine.asked, [])
    await assert.rejects(engine.docker('run', '--rm', '--entrypoint=sh', image), /executable file not found/)
  },
)
