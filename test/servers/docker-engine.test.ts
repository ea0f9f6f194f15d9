import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { busyboxLine, makeBusyboxRelease } from './busybox-image.ts'
import { certificateAuthority } from './certificates.ts'
import { processesWith } from './containerd-remains.ts'
import { controlGroups, mountsBelow } from './docker-engine-remains.ts'
import { startDockerEngine, type DockerEngine } from './docker-engine.ts'
import { startDockerRegistry } from './docker-registry.ts'
import { requireServer } from './require-server.ts'
import { pushRelease } from './seed-release.ts'
import { tempDir } from './temp-dir.ts'

const name = 'docker.io/rancher/mirrored-library-busybox:1.37.0'
const path = 'rancher/mirrored-library-busybox'

/** No process, no mount, no control group and no directory is left of an Engine. */
async function assertGone({ socket, controlGroup }: Pick<DockerEngine, 'socket' | 'controlGroup'>): Promise<void> {
  const directory = dirname(socket)
  const execRoot = `${directory}/exec`
  const files = [`${directory}/daemon.json`, `${execRoot}/containerd/containerd.toml`, `${execRoot}/containerd/containerd.sock`]
  for (const file of files) assert.deepEqual(await processesWith(file), [])
  assert.deepEqual(await mountsBelow(directory), [])
  assert.deepEqual(await controlGroups(controlGroup), [])
  assert.equal(existsSync(directory), false)
}

test('an engine pulls, runs, tags and pushes, and leaves nothing behind', async (t) => {
  if (!requireServer(t, 'dockerd') || !requireServer(t, 'docker-registry')) return
  await using registry = await startDockerRegistry()
  await pushRelease(registry.url, await makeBusyboxRelease([name]))
  let gone: Pick<DockerEngine, 'socket' | 'controlGroup'>
  {
    await using engine = await startDockerEngine()
    gone = { socket: engine.socket, controlGroup: engine.controlGroup }
    assert.deepEqual(await engine.images(), [])
    const reference = `${registry.host}/${path}:1.37.0`
    await engine.docker('pull', '--quiet', reference)
    assert.equal((await engine.docker('run', '--rm', '--network', 'none', reference)).stdout, `${busyboxLine}\n`)
    assert.equal((await controlGroups(engine.controlGroup)).length > 0, true)
    await engine.docker('tag', reference, `${registry.host}/copy:2`)
    await engine.docker('push', '--quiet', `${registry.host}/copy:2`)
    const [image, ...others] = await engine.images()
    assert.deepEqual(others, [])
    assert.deepEqual(image?.tags, [`${registry.host}/copy:2`, reference])
    assert.equal(image.digests.length, 2)
    await assert.rejects(engine.docker('pull', `${registry.host}/none:1`), /manifest unknown/)
    assert.ok(engine.log().some((line) => line.includes('API listen on')))
    assert.ok(existsSync(engine.dataRoot))
  }
  await assertGone(gone)
})

test('resolves outside names of an engine only to the hosts of the test', async (t) => {
  if (!requireServer(t, 'dockerd') || !requireServer(t, 'docker-registry')) return
  const authority = await certificateAuthority()
  const tls = await authority.server({ names: ['registry-1.docker.io'] })
  await using storage = await tempDir()
  {
    await using open = await startDockerRegistry({ rootDirectory: storage.path })
    await pushRelease(open.url, await makeBusyboxRelease([name]))
  }
  await using registry = await startDockerRegistry({ tls, rootDirectory: storage.path })
  await using engine = await startDockerEngine({ names: { 'registry-1.docker.io:443': registry.host }, systemCa: authority.certificate })
  await engine.docker('pull', '--quiet', name)
  assert.deepEqual(
    (await engine.images()).map(({ tags }) => tags),
    [[`${path}:1.37.0`]],
  )
  await assert.rejects(engine.docker('pull', 'quay.io/none/none:1'), /Bad Gateway/)
  assert.deepEqual([...new Set(engine.asked)], ['registry-1.docker.io:443', 'quay.io:443'])
})

test('a small data root runs full', async (t) => {
  if (!requireServer(t, 'dockerd') || !requireServer(t, 'docker-registry')) return
  await using registry = await startDockerRegistry()
  await pushRelease(registry.url, await makeBusyboxRelease([name]))
  let gone: Pick<DockerEngine, 'socket' | 'controlGroup'>
  {
    await using engine = await startDockerEngine({ dataRootBytes: 2 << 20 })
    gone = { socket: engine.socket, controlGroup: engine.controlGroup }
    await assert.rejects(engine.docker('pull', `${registry.host}/${path}:1.37.0`), /no space left on device/)
  }
  await assertGone(gone)
})

test('an engine that was killed leaves no container behind', async (t) => {
  if (!requireServer(t, 'dockerd') || !requireServer(t, 'docker-registry')) return
  await using registry = await startDockerRegistry()
  await pushRelease(registry.url, await makeBusyboxRelease([name]))
  const duration = String(200_000 + process.pid)
  let gone: Pick<DockerEngine, 'socket' | 'controlGroup'>
  {
    await using engine = await startDockerEngine()
    gone = { socket: engine.socket, controlGroup: engine.controlGroup }
    const args = ['--detach', '--network', 'none', `${registry.host}/${path}:1.37.0`, '/bin/busybox', 'sleep', duration]
    await engine.docker('run', ...args)
    while ((await processesWith(duration)).length === 0) await sleep(10)
    await engine.kill()
    await assert.rejects(engine.docker('version'), /Cannot connect to the Docker daemon/)
    assert.equal((await processesWith(duration)).length, 1, 'the container lives on')
  }
  assert.deepEqual(await processesWith(duration), [])
  await assertGone(gone)
})

test('quotes the message of dockerd where it fails to start', async (t) => {
  if (!requireServer(t, 'dockerd')) return
  await assert.rejects(startDockerEngine({ settings: { 'no-such-setting': 1 } }), /no-such-setting/)
})
