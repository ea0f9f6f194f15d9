import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificateAuthority } from '../servers/certificates.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { memoryRegistry } from '../servers/memory-registry.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { tempDir } from '../servers/temp-dir.ts'

/** Mirrors one image to this destination. */
async function mirrorTo(
  destination: string,
  options: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  await using from = await memoryRegistry()
  const { list } = await seedRelease(from.url, { images: k3sImages.slice(1, 2) })
  const args = ['mirror', '--images', '-', '--from', `docker.io=${from.url}`, '--to', destination, ...options]
  return await runCli(args, { stdin: list, env })
}

function requireFailure({ status, stdout, stderr }: CliResult, error: RegExp, hint: RegExp): void {
  assert.equal(status, 6, stderr)
  const [failure = '', advice = '', ...more] = stderr.trim().split('\n')
  assert.match(failure, error)
  assert.match(advice, hint)
  assert.deepEqual(more, [], stderr)
  assert.match(stdout, /^1 image: 1 failed\n$/)
}

test('a certificate of an unknown authority: the hint names ca_file', async () => {
  const tls = await (await certificateAuthority()).server()
  await using server = await scriptedServer((_request, response) => void response.writeHead(404).end(), { tls })
  // An idle connection to the source must not hold the process: neither the server nor, with timers this slow, the client gives it up.
  const slow = 'const { setTimeout } = globalThis; globalThis.setTimeout = (run, delay, ...rest) => setTimeout(run, 100 * delay, ...rest)'
  const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(slow)}` }
  requireFailure(await mirrorTo(server.url, [], env), /^error: .*\(TLS\)$/, /hint: .*ca_file/)
  assert.equal(server.requests.length, 0)
})

test('a certificate that ended, or of another host, is refused and named', async () => {
  const authority = await certificateAuthority()
  await using directory = await tempDir()
  const caFile = await directory.write('ca.pem', authority.certificate)
  for (const [options, words] of [
    [{ expired: true }, /^error: .*expired.*\(TLS\)$/],
    [{ names: ['registry.example.com'] }, /^error: .*127\.0\.0\.1.*\(TLS\)$/],
  ] as const) {
    await using server = await scriptedServer((_request, response) => void response.writeHead(404).end(), {
      tls: await authority.server(options),
    })
    const registries = await directory.write(
      'registries.yaml',
      JSON.stringify({ configs: { [server.host]: { tls: { ca_file: caFile } } } }),
    )
    requireFailure(await mirrorTo(server.url, ['--registries', registries]), words, /hint: /)
  }
})

test('https to a port that speaks plain HTTP: the hint says to write http://', async () => {
  await using server = await scriptedServer((_request, response) => void response.writeHead(404).end())
  requireFailure(await mirrorTo(`https://${server.host}`), /^error: .*\(TLS\)$/, /hint: .*http:\/\//)
})

test('mutual TLS works with a client certificate, and its lack is named', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  const authority = await certificateAuthority()
  const client = await authority.client()
  await using directory = await tempDir()
  await using to = await startDockerRegistry({ tls: { ...(await authority.server()), clientCa: authority.certificate } })
  const ca = { ca_file: await directory.write('ca.pem', authority.certificate) }
  const pair = {
    cert_file: await directory.write('client.pem', client.certificate),
    key_file: await directory.write('key.pem', client.key),
  }
  const mirror = async (tls: object): Promise<CliResult> => {
    const registries = await directory.write('registries.yaml', JSON.stringify({ configs: { [to.host]: { tls } } }))
    return mirrorTo(to.url, ['--registries', registries])
  }
  requireFailure(await mirror(ca), /^error: .*\(TLS\)$/, /hint: .*cert_file/)
  const result = await mirror({ ...ca, ...pair })
  assert.equal(result.status, 0, result.stderr)
})
