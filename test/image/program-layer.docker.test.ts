import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { projectRoot } from '../../scripts/build-cli.ts'
import { version } from '../../src/version.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { compareRelease } from '../servers/compare-release.ts'
import { startDockerEngine, type DockerEngine } from '../servers/docker-engine.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { findProgram, imageFile, requireServer } from '../servers/require-server.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'
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
    // Docker creates this volume, with the owner that the directory has in the image
    const serve = ['serve', '.', '--writable', '--listen', '127.0.0.1:0']
    const { stdout: started } = await engine.docker('run', '--detach', ...restricted, '--volume=site:/data', image, ...serve)
    const site = started.trim()
    const urlOf = async (): Promise<string | undefined> => {
      const { stdout, stderr } = await engine.docker('logs', site)
      return /at (http:\/\/[^ ]+)/.exec(stdout + stderr)?.[1]
    }
    await until(urlOf, (found) => found !== undefined)
    const url = (await urlOf()) ?? ''
    assert.equal(await (await fetch(`${url}/healthz`)).text(), 'ok\n')

    // a user that no file of the image knows
    const mirror = ['mirror', '--images', '/lists/list.txt', '--from', `docker.io=${hub.url}`, '--to', `${url}/mirror`]
    await chmod(await directory.write('list.txt', release.list), 0o644)
    await chmod(directory.path, 0o755)
    await engine.docker('run', '--rm', ...restricted, '--user=123456:0', `--volume=${directory.path}:/lists:ro`, image, ...mirror)
    await compareRelease(url, 'mirror/', release)

    await using silent = await scriptedServer(() => new Promise<void>(() => undefined))
    const stuck = await engine.docker('run', '--detach', ...restricted, image, 'mirror', `${silent.host}/x:1`, '--to', url)
    const waiting = stuck.stdout.trim()
    await until(() => silent.requests.length > 0)
    await engine.docker('stop', '--time=100', site, waiting)
    const { stdout: codes } = await engine.docker('inspect', '--format={{.State.ExitCode}}', site, waiting)
    // 137 would be a program that ignores SIGTERM
    assert.equal(codes, '0\n143\n')
    assert.deepEqual(engine.asked, [])
    await assert.rejects(engine.docker('run', '--rm', '--entrypoint=sh', image), /executable file not found/)
  },
)

/** An image with a shell, in place of the images that the Dockerfile names. */
async function importBusybox(engine: DockerEngine, directory: TempDir): Promise<string> {
  const root = `${directory.path}/root`
  await mkdir(`${root}/bin`, { recursive: true })
  await copyFile(findProgram('busybox') ?? '', `${root}/bin/busybox`)
  for (const name of ['sh', 'grep', 'sha256sum', 'mkdir', 'cp', 'chmod', 'id']) await symlink('busybox', `${root}/bin/${name}`)
  await promisify(execFile)('tar', ['--create', '--directory', root, '--file', `${directory.path}/root.tar`, 'bin'])
  await engine.docker('import', '--change=ENV PATH=/bin', `${directory.path}/root.tar`, 'shell:1')
  return 'shell:1'
}

test('the Dockerfile builds an image of the executable on another base, and rejects a wrong checksum', { timeout: 240_000 }, async (t) => {
  if (!requireServer(t, 'dockerd')) return
  await using engine = await startDockerEngine()
  await using directory = await tempDir()
  const shell = await importBusybox(engine, directory)
  const context = `${directory.path}/context`
  await mkdir(`${context}/build`, { recursive: true })
  for (const name of ['Dockerfile', '.dockerignore']) await copyFile(`${projectRoot}${name}`, `${context}/${name}`)
  const program = '#!/bin/sh\necho "$(id -u):$(id -g) $(pwd) $*"\n'
  const build = async (sum: string): Promise<unknown> => {
    await writeFile(`${context}/build/SHA256SUMS`, `${'0'.repeat(64)}  k3s-mirror-linux-arm64\n${sum}  k3s-mirror-linux-amd64\n`)
    await writeFile(`${context}/build/k3s-mirror-linux-amd64`, program)
    const bases = [`--build-arg=BUILDER=${shell}`, `--build-arg=BASE=${shell}`]
    return engine.docker('build', '--network=none', ...bases, '--tag=built', context)
  }
  await assert.rejects(build('1'.repeat(64)), /k3s-mirror-linux-amd64: FAILED/)
  await build(createHash('sha256').update(program).digest('hex'))
  const { stdout } = await engine.docker('run', '--rm', '--network=none', 'built', '--version')
  assert.equal(stdout, '65532:65532 /data --version\n')
})
