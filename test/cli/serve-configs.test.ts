import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hashSync } from 'bcryptjs'
import { certificateAuthority } from '../servers/certificates.ts'
import { plainRequest } from '../servers/http-request.ts'
import { onlyObject, podTemplateOf, renderKustomization } from '../servers/kubernetes-objects.ts'
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

test('the StatefulSet starts a server that answers its probes', async (t) => {
  if (!requireServer(t, 'kubectl')) return
  const template = podTemplateOf(onlyObject(await renderKustomization('.'), 'StatefulSet'))
  const [container] = template?.spec.containers ?? []
  assert.ok(container)
  const probe = { path: '/healthz', port: 'https', scheme: 'HTTPS' }
  for (const name of ['startupProbe', 'readinessProbe', 'livenessProbe'])
    assert.deepEqual((container[name] as { readonly httpGet: object }).httpGet, probe)
  assert.deepEqual(container.ports, [{ name: 'https', containerPort: 5000 }])
  await assertServes(
    container.args.flatMap((arg) => arg.split('=')),
    Object.fromEntries(container.volumeMounts.map(({ name, mountPath }) => [mountPath, name])),
  )
})
