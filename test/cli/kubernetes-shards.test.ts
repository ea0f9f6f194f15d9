import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseReference } from '../../src/oci/reference.ts'
import { nameDestination } from '../../src/plan/destination-names.ts'
import { shardImages } from '../../src/plan/shard-images.ts'
import type { MirrorReport } from '../../src/report/report.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { compareRelease } from '../servers/compare-release.ts'
import { startDockerEngine } from '../servers/docker-engine.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { faultProxy } from '../servers/fault-proxy.ts'
import { onlyObject, podTemplateOf, renderKustomization } from '../servers/kubernetes-objects.ts'
import { dockerRunArgs } from '../servers/pod-container.ts'
import { imageFile, requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { until } from '../servers/until.ts'

const shards = fileURLToPath(new URL('../../deploy/kubernetes/shards', import.meta.url))

/** The rules of the Job about an exit code: https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy */
interface FailureRule {
  readonly action: string
  readonly onExitCodes?: { readonly values: readonly number[] }
}

test('the pods of the indexed Job copy every image once, although one is killed', { timeout: 120_000 }, async (t) => {
  if (!(['kubectl', 'image', 'dockerd', 'docker-registry'] as const).every((name) => requireServer(t, name))) return
  await using directory = await tempDir()
  await using from = await startRegistry()
  await using to = await startDockerRegistry()
  await using proxy = await faultProxy(to.url)
  await using engine = await startDockerEngine()
  const [release, loaded] = await Promise.all([seedRelease(from.url), engine.docker('load', '--input', imageFile)])
  const [, image = ''] = /^Loaded image: (.+)$/m.exec(loaded.stdout) ?? []
  await engine.docker('tag', image, 'site/k3s-mirror:1')

  const overlay = `${directory.path}/overlay`
  await mkdir(overlay)
  await directory.write('overlay/list.txt', release.list)
  await directory.write(
    'overlay/kustomization.yaml',
    `resources: [${relative(overlay, shards)}]
images: [{ name: k3s-mirror, newName: site/k3s-mirror, newTag: "1" }]
namespace: k3s-mirror
configMapGenerator:
  - name: k3s-mirror-shards-options
    behavior: merge
    literals: ["K3S_MIRROR_TO=${proxy.url}/mirror", "K3S_MIRROR_FROM=docker.io=${from.url}"]
  - name: k3s-mirror-list
    behavior: merge
    files: [list.txt]
`,
  )
  const objects = await renderKustomization(`/${overlay.slice(1)}`)
  const job = onlyObject(objects, 'Job')
  const pod = podTemplateOf(job)?.spec
  assert.ok(pod)
  const count = Number(job.spec?.['completions'])
  const start = async (index: number, attempt: number): Promise<string> => {
    const name = `shard-${index}-${attempt}`
    const setting = { directory: `${directory.path}/${name}`, objects, env: { JOB_COMPLETION_INDEX: String(index) } }
    await engine.docker('run', '--detach', '--name', name, ...(await dockerRunArgs(pod, setting)))
    return name
  }
  const exitCode = async (name: string): Promise<number> => Number((await engine.docker('wait', name)).stdout)

  // An upload of the third shard stops on its way.
  const naming = { registry: proxy.host, prefix: 'mirror' }
  const named = release.images
    .map(({ reference }) => parseReference(reference))
    .map((source) => ({ source, destination: nameDestination(source, naming) }))
  const own = shardImages(named, { index: 3, count }).images.map(({ destination }) => `/v2/${destination.path}/`)
  let isStalled = false
  proxy.rule = ({ kind, path }) => {
    if (isStalled || !['upload-put', 'upload-patch'].includes(kind) || !path.startsWith(own[0] ?? '')) return undefined
    isStalled = true
    return { fault: 'stall' }
  }
  const names = await Promise.all(Array.from({ length: count }, (_, index) => start(index, 0)))
  await until(() => isStalled)
  const victim = names[2] ?? ''
  await engine.docker('kill', '--signal=KILL', victim)
  const killed = await exitCode(victim)
  const policy = job.spec?.['podFailurePolicy'] as { readonly rules: readonly FailureRule[] } | undefined
  assert.equal(killed, 137)
  assert.ok(
    policy?.rules.every(({ onExitCodes }) => onExitCodes?.values.includes(killed) !== true),
    'the Job starts the pod again',
  )
  names[2] = await start(2, 1)
  for (const name of names) assert.equal(await exitCode(name), 0, (await engine.docker('logs', name)).stderr)

  await compareRelease(to.url, 'mirror/', release)
  const files = await Promise.all(
    names.map(async (name) => {
      const { stdout, stderr } = await engine.docker('logs', name)
      // The log of a pod has both in one.
      const lines = `${stderr}${stdout}`.split('\n').filter((line) => line.startsWith('{'))
      return directory.write(`${name}.json`, lines.join('\n'))
    }),
  )
  const list = `${overlay}/list.txt`
  const merged = await runCli(['report', 'merge', ...files, '--output', 'json'])
  assert.equal(merged.status, 0, merged.stderr)
  const report = JSON.parse(merged.stdout) as MirrorReport
  assert.equal(report.totals.images, release.images.length)
  const verified = await runCli(['verify', '--images', list, '--to', `${to.url}/mirror`])
  assert.equal(verified.status, 0, verified.stderr)

  // Each tag, and each blob of a repository, was written once. A mount from the repository itself asks whether it has the
  // blob, and a pod that starts again may write the manifest of a platform once more.
  const written = to.accessLog.flatMap((line) => {
    const [, target = ''] = /"(?:PUT|POST) (\S+) HTTP\/1\.1" 201 /.exec(line) ?? []
    const { pathname, searchParams } = new URL(target, to.url)
    const [, repository, manifest] = /^\/v2\/(.+)\/(?:manifests\/([^/]+)|blobs\/uploads\/.*)$/.exec(pathname) ?? []
    const digest = searchParams.get('digest') ?? searchParams.get('mount')
    const isOfPlatform = manifest?.startsWith('sha256:') === true
    return repository === undefined || isOfPlatform || searchParams.get('from') === repository
      ? []
      : [`${repository} ${manifest ?? digest}`]
  })
  assert.deepEqual(
    written.filter((name, index) => written.indexOf(name) < index),
    [],
  )
  assert.ok(release.images.every(({ repository, tag }) => written.includes(`mirror/${repository} ${tag}`)))
})
