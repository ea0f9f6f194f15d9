import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeNotes, nodeOrigin, nodeRegistries } from '../../src/cli/output/serve-nodes.ts'
import { openLayout } from '../../src/layout/open-layout.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { parseRegistries } from '../../src/registries-yaml/read/parse-registries.ts'
import { createResolver } from '../../src/registries-yaml/resolve/resolve-reference.ts'
import { storeImage, tinyImage } from '../layout/tiny-image.ts'
import { plainRequest } from '../servers/http-request.ts'
import { startCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { serve, stop } from './serve-cli.ts'

test('names the address that nodes reach the server by', () => {
  const names = ['localhost', 'registry.example.com', '10.0.0.1']
  const cases: readonly (readonly [url: string, names: readonly string[], origin: RegExp])[] = [
    ['http://127.0.0.1:5000', [], /^http:\/\/127\.0\.0\.1:5000$/],
    ['https://10.0.0.1:5000', names, /^https:\/\/10\.0\.0\.1:5000$/],
    ['https://0.0.0.0:5000', names, /^https:\/\/registry\.example\.com:5000$/],
    ['https://[::]:443', names, /^https:\/\/registry\.example\.com$/],
    ['https://0.0.0.0:5000', ['127.0.0.1', '*.example.com', '10.0.0.1'], /^https:\/\/10\.0\.0\.1:5000$/],
    ['https://0.0.0.0:5000', ['fd00:0:0:0:0:0:0:1'], /^https:\/\/\[fd00::1\]:5000$/],
    ['http://0.0.0.0:80', [], /^http:\/\/[^:/]+$/],
  ]
  for (const [url, given, origin] of cases) assert.match(nodeOrigin(url, given).origin, origin)
})

/** Where a node that has this file asks first for an image. */
function firstUrl(text: string, image: string): string | undefined {
  const { registries, problems } = parseRegistries(text, 'registries.yaml')
  assert.deepEqual(problems, [])
  const [first] = createResolver(registries).resolve(parseReference(image)).endpoints
  return first === undefined ? undefined : `${first.url} ${first.repository}`
}

test('lists a mirror for every registry of the layout, and one for pushed images', async () => {
  await using directory = await tempDir()
  await using layout = await openLayout(directory.path, { durable: false })
  assert.equal(nodeRegistries(layout, new URL('http://registry.example.com:5000'), false), undefined)
  for (const name of ['docker.io/rancher/a:1', 'quay.io/b/c:1', 'localhost/mine/app:1']) await storeImage(layout, name, tinyImage())
  const plain = nodeRegistries(layout, new URL('http://registry.example.com:5000'), false) ?? ''
  assert.equal(firstUrl(plain, 'docker.io/rancher/a:1'), 'http://registry.example.com:5000/v2 rancher/a')
  assert.equal(firstUrl(plain, 'quay.io/b/c:1'), 'http://registry.example.com:5000/v2 b/c')
  assert.equal(firstUrl(plain, 'registry.example.com:5000/mine/app:1'), 'http://registry.example.com:5000/v2 mine/app')
  const secure = nodeRegistries(layout, new URL('https://registry.example.com'), true) ?? ''
  assert.equal(firstUrl(secure, 'docker.io/rancher/a:1'), 'https://registry.example.com/v2 rancher/a')
  assert.doesNotMatch(plain, /ca_file|auth:/)
  // every line but prose is YAML once its "# " is gone
  const filled = secure.replace(/^# (?=configs:|  )/gm, '')
  assert.equal(
    secure
      .split('\n')
      .findLast((line) => line.startsWith('# #'))
      ?.includes('fill in'),
    true,
  )
  const { registries, problems } = parseRegistries(filled, 'registries.yaml')
  assert.deepEqual(problems, [])
  const config = registries.configs.get('registry.example.com')
  assert.deepEqual(
    [config?.tls?.caFile, config?.tls?.certFile, config?.auth?.username],
    ['/etc/rancher/k3s/registry-ca.crt', '', 'USERNAME'],
  )
})

test('notes a certificate that does not cover the name that nodes use', () => {
  const notes = (url: string, ...names: readonly string[]): string => nodeNotes(new URL(url), { hasPasswords: false, names }).join()
  assert.match(
    notes('https://vm:5000', 'localhost', '127.0.0.1'),
    /the certificate is for localhost, 127\.0\.0\.1 and not for vm: nodes reject it/,
  )
  for (const name of ['registry.example.com', 'REGISTRY.example.com', '*.example.com'])
    assert.equal(notes('https://registry.example.com', name), '')
  assert.match(notes('https://a.b.example.com', '*.example.com'), /not for a\.b\.example\.com/)
  assert.equal(notes('https://[fd00::1]:5000', 'fd00::1'), '')
})

test('prints at the start where the images and the registries.yaml are, and nothing with --quiet', async () => {
  await using directory = await tempDir()
  const layout = await openLayout(directory.path, { durable: false })
  await storeImage(layout, 'docker.io/rancher/a:1', tinyImage())
  await layout.close()
  const running = await serve(directory.path)
  await plainRequest(`${running.url}/healthz`)
  const { stderr, stdout } = await stop(running)
  assert.equal(stdout, '')
  const yaml = /^# [^]*?\n\n(?=note: )/m.exec(stderr)?.[0] ?? ''
  assert.equal(yaml.match(/^# Warning: 127\.0\.0\.1 means the node itself: use an address that nodes can reach$/gm)?.length, 1)
  assert.equal(firstUrl(yaml, 'docker.io/rancher/a:1'), `${running.url}/v2 rancher/a`)
  assert.match(stderr, new RegExp(`^for a list of the images, open ${running.url}/ in a browser or with curl$`, 'm'))
  assert.match(
    stderr,
    new RegExp(`^for nodes, save this file as /etc/rancher/k3s/registries.yaml, or download it from ${running.url}/registries.yaml$`, 'm'),
  )
  assert.match(stderr, /^note: 127\.0\.0\.1 means the node itself: use an address that nodes can reach, as in --listen <address>:\d+$/m)
  const empty = await serve(`${directory.path}/new`, '--writable')
  assert.match(
    (await stop(empty)).stderr,
    /^there are no images yet; after a push, http:\/\/127\.0\.0\.1:\d+\/registries\.yaml configures nodes$/m,
  )
  const quiet = await startCli(['serve', directory.path, '--quiet', '--listen', new URL(running.url).host])
  while ((await plainRequest(`${running.url}/healthz`).catch(() => undefined))?.status !== 200) await new Promise(setImmediate)
  assert.deepEqual(await stop(quiet), { status: 0, signal: null, stdout: '', stderr: '' })
})
