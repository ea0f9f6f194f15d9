import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hashSync } from 'bcryptjs'
import { parseAllDocuments } from 'yaml'
import { certificateAuthority } from '../servers/certificates.ts'
import { plainRequest } from '../servers/http-request.ts'
import { requireServer } from '../servers/require-server.ts'
import { startCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { stop, untilServing } from './serve-cli.ts'

const pathOf = (name: string): string => fileURLToPath(new URL(`../../configs/${name}`, import.meta.url))
const unit = await readFile(pathOf('k3s-mirror-serve.service'), 'utf8')

/** Starts serve with the arguments of a configuration, its directories moved below a temporary one, and checks that it requires HTTPS and a password. */
async function assertServes(args: readonly string[], directories: Readonly<Record<string, string>>): Promise<void> {
  await using directory = await tempDir()
  const { certificate, key } = await (await certificateAuthority()).server()
  const files = { 'tls.crt': certificate, 'tls.key': key, htpasswd: `ann:${hashSync('sesame', 4)}\n` }
  const moved = args.map((arg) => {
    if (arg === ':5000') return '127.0.0.1:0'
    const [from, to] = Object.entries(directories).find(([path]) => arg.startsWith(`${path}/`)) ?? []
    return from === undefined ? arg : arg.replace(from, `${directory.path}/${to}`)
  })
  assert.ok(moved.includes('127.0.0.1:0'))
  for (const to of new Set(Object.values(directories))) await mkdir(`${directory.path}/${to}`, { recursive: true })
  for (const path of moved) {
    const content = Object.entries(files).find(([name]) => path.startsWith(directory.path) && path.endsWith(`/${name}`))?.[1]
    if (content !== undefined) await writeFile(path, content, { mode: 0o400 })
  }
  const running = await untilServing(startCli(moved))
  try {
    const ask = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<number> =>
      (await plainRequest(`${running.url}${path}`, { headers })).status
    const authorization = `Basic ${btoa('ann:sesame')}`
    assert.match(running.url, /^https:/)
    assert.deepEqual([await ask('/healthz'), await ask('/v2/'), await ask('/v2/', { authorization })], [200, 401, 200])
  } finally {
    const { stderr } = await stop(running)
    assert.doesNotMatch(stderr, /warning/)
  }
}

test('the command of the systemd unit starts a server', async () => {
  const [, command = ''] = /^ExecStart=k3s-mirror (.*)$/m.exec(unit) ?? []
  await assertServes(command.split(' '), { '/var/lib/k3s-mirror': 'state', '/run/k3s-mirror': 'run' })
})

test('systemd accepts the unit, and finds it confined', async (t) => {
  if (!requireServer(t, 'systemd-analyze')) return
  await using directory = await tempDir()
  // The program need not be installed where the test runs.
  const copy = await directory.write('k3s-mirror-serve.service', unit.replace(/^ExecStart=k3s-mirror/m, `ExecStart=${process.execPath}`))
  const verified = spawnSync('systemd-analyze', ['verify', '--man=no', copy], { encoding: 'utf8' })
  assert.deepEqual([verified.status, verified.stdout, verified.stderr], [0, '', ''])
  const judged = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=25', copy], { encoding: 'utf8' })
  assert.equal(judged.status, 0, judged.stdout)
})

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: object }
    readonly strategy?: object
    readonly template?: { readonly metadata: { readonly labels: object }; readonly spec: PodSpec }
    readonly ports?: readonly { readonly targetPort: string }[]
  }
}

interface PodSpec {
  readonly securityContext: { readonly runAsNonRoot: boolean; readonly seccompProfile: object }
  readonly containers: readonly [
    {
      readonly args: readonly string[]
      readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
      readonly securityContext: object
      readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
      readonly livenessProbe: object
      readonly readinessProbe: object
    },
  ]
  readonly volumes: readonly { readonly name: string; readonly persistentVolumeClaim?: { readonly claimName: string } }[]
}

test('the Kubernetes manifest is consistent and meets the restricted pod security standard', async () => {
  const documents = parseAllDocuments(await readFile(pathOf('k3s-mirror-serve.yaml'), 'utf8'))
  const manifests = documents.map((document) => {
    assert.deepEqual([document.errors, document.warnings], [[], []])
    return document.toJS() as Manifest
  })
  assert.deepEqual(
    manifests.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`),
    ['v1 Namespace', 'v1 PersistentVolumeClaim', 'apps/v1 Deployment', 'v1 Service'],
  )
  const [namespace, claim, deployment, service] = manifests
  assert.equal(namespace?.metadata.labels?.['pod-security.kubernetes.io/enforce'], 'restricted')
  const { spec } = deployment ?? {}
  const pod = spec?.template?.spec
  assert.ok(pod)
  assert.deepEqual(spec.selector?.matchLabels, spec.template?.metadata.labels)
  assert.deepEqual(service?.spec?.selector, spec.template?.metadata.labels)
  assert.deepEqual(spec.strategy, { type: 'Recreate' })
  const [container] = pod.containers
  assert.deepEqual([pod.securityContext.runAsNonRoot, pod.securityContext.seccompProfile], [true, { type: 'RuntimeDefault' }])
  assert.deepEqual(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  })
  const probe = { httpGet: { path: '/healthz', port: 'https', scheme: 'HTTPS' } }
  assert.deepEqual([container.livenessProbe, container.readinessProbe], [probe, probe])
  assert.deepEqual(container.ports, [{ name: 'https', containerPort: 5000 }])
  assert.equal(service?.spec?.ports?.[0]?.targetPort, 'https')
  assert.deepEqual(
    container.volumeMounts.map(({ name }) => name),
    pod.volumes.map(({ name }) => name),
  )
  assert.equal(pod.volumes[0]?.persistentVolumeClaim?.claimName, claim?.metadata.name)
  const directories = Object.fromEntries(container.volumeMounts.map(({ name, mountPath }) => [mountPath, name]))
  await assertServes(container.args, directories)
})
