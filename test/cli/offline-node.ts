/** Serves a kit in a network of its own and installs from it what a node needs; prints what came of it as JSON. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { lintRegistries } from '../../src/registries-yaml/lint/lint.ts'
import { parseRegistries } from '../../src/registries-yaml/read/parse-registries.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { busyboxLine, makeBusyboxRelease } from '../servers/busybox-image.ts'
import { certificateAuthority } from '../servers/certificates.ts'
import { startContainerd } from '../servers/containerd.ts'
import { runCli, startCli } from '../servers/run-cli.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { pushRelease } from '../servers/seed-release.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { untilServing, stop, type Serving } from './serve-cli.ts'

/** What a node got. */
export interface NodeInstall {
  /** Tags that the installer found, with curl and TLS, with curl by a channel, with wget, and with wget by a channel. */
  readonly installed: readonly string[]
  /** Where containerd asked for all images of the kit. */
  readonly origins: readonly string[]
  /** Hosts outside of this machine that containerd asked for. */
  readonly outside: readonly string[]
  /** What a container of a pulled image printed. */
  readonly printed: string
  /** The registries.yaml under another name of the server, and the rules that it breaks. */
  readonly named: string
  readonly findings: readonly string[]
  readonly checked: string
  readonly site: string
}

const run = promisify(execFile)
const tag = 'v1.37.1+k3s1'
const caOnNode = '/etc/rancher/k3s/registry-ca.crt'
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
const binaryName = architecture === 'amd64' ? 'k3s' : 'k3s-arm64'
const images = ['docker.io/rancher/mirrored-library-busybox:1.37.0', 'quay.io/some/tool:1', 'ghcr.io/k3s-io/mirrored-pause:3.10.2']

await using directory = await tempDir()
const binary = Buffer.alloc(20 * 1024 * 1024, 'the binary of K3s')
const sums = `${'0'.repeat(64)}  k3s-airgap-images-${architecture}.tar.zst\n${createHash('sha256').update(binary).digest('hex')}  ${binaryName}\n`

/** The files of a release, as its server has them. */
const release: Readonly<Record<string, Uint8Array | string>> = {
  'k3s-images.txt': images.map((image) => `${image}\n`).join(''),
  [binaryName]: binary,
  [`sha256sum-${architecture}.txt`]: sums,
  'install.sh': '#!/bin/sh\n: "${INSTALL_K3S_ARTIFACT_URL}"\n',
}

/** Makes a kit from servers that are gone when it is there. */
async function makeKit(): Promise<string> {
  await using source = await startRegistry()
  await pushRelease(source.url, await makeBusyboxRelease(images))
  await using files = await scriptedServer(({ url, method }, response) => {
    const content = url.startsWith('/v1.37.1%2Bk3s1/') ? release[url.replace(/^.*\//, '')] : undefined
    response.writeHead(content === undefined ? 404 : 200, { 'content-length': content?.length ?? 0 }).end(method === 'HEAD' ? '' : content)
  })
  const kit = `${directory.path}/k3s.kit.tar.zst`
  const from = ['docker.io', 'quay.io', 'ghcr.io'].flatMap((name) => ['--from', `${name}=${source.url}`])
  await succeed(['kit', 'create', kit, '--release', tag, '--arch', architecture, '--artifact-url', files.url, ...from])
  return kit
}

async function download(tool: string, site: string, env: Readonly<Record<string, string>>): Promise<string> {
  const into = `${directory.path}/${tool}-${Object.keys(env).join('-')}`
  await mkdir(into)
  const script = fileURLToPath(new URL('./node-download.sh', import.meta.url))
  const { stdout } = await run('sh', [script, tool, into], {
    env: { PATH: process.env['PATH'], ARCH: architecture, BINARY: binaryName, INSTALL_K3S_ARTIFACT_URL: `${site}/k3s`, ...env },
  })
  return stdout.trim()
}

async function succeed(args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runCli(args)
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}

function serveKit(kit: string, ...options: readonly string[]): Promise<Serving> {
  return untilServing(startCli(['kit', 'serve', kit, '--listen', '127.0.0.1:0', ...options]))
}

const kit = await makeKit()
const authority = await certificateAuthority()
const pair = await authority.server()
const ca = await directory.write('ca.crt', authority.certificate)
const tls = ['--tls-cert', await directory.write('tls.crt', pair.certificate), '--tls-key', await directory.write('tls.key', pair.key)]
const secure = await serveKit(kit, ...tls, '--ca-file', ca)
const plain = await serveKit(kit)

const curl = (url: string): Promise<string> => run('curl', ['-sfL', '--cacert', ca, url], { maxBuffer: 1e8 }).then(({ stdout }) => stdout)
const trusted = { CURL_CA_BUNDLE: ca }
const installed = [
  await download('curl', secure.url, { INSTALL_K3S_VERSION: tag, ...trusted }),
  await download('curl', secure.url, { INSTALL_K3S_CHANNEL_URL: `${secure.url}/channels`, ...trusted }),
  await download('wget', plain.url, { INSTALL_K3S_VERSION: tag }),
  await download('wget', plain.url, { INSTALL_K3S_CHANNEL_URL: `${plain.url}/channels`, INSTALL_K3S_CHANNEL: 'v1.37' }),
]
await run('curl', ['-skf', `${secure.url}/ca.crt`, '-o', `${directory.path}/fetched.crt`])
if ((await readFile(`${directory.path}/fetched.crt`, 'utf8')) !== authority.certificate) throw new Error('another CA was served')
const { stdout: checked } = await run('sh', [
  '-c',
  `cd ${directory.path} && curl -sfLO --cacert ca.crt ${secure.url}/k3s/v1.37.1%2Bk3s1/${binaryName} && curl -sfL --cacert ca.crt ${secure.url}/k3s/v1.37.1%2Bk3s1/sha256sum-${architecture}.txt | grep ' ${binaryName}$' | sha256sum -c`,
])

const yaml = await curl(`${secure.url}/registries.yaml`)
const { stdout: named } = await run('curl', [
  '-sf',
  '--cacert',
  ca,
  '--header',
  'host: kit.example.com:8443',
  `${secure.url}/registries.yaml`,
])
const findings = await lintRegistries(parseRegistries(named, 'registries.yaml'), { files: false })
const here = await directory.write('here.yaml', yaml.replaceAll(caOnNode, ca))
const out = `${directory.path}/rendered`
await succeed(['registries', 'render', '--registries', here, '--out', out, '--config-version', '2'])
await using containerd = await startContainerd({ config: await readFile(`${out}/config.toml`, 'utf8'), hostsDir: `${out}/certs.d` })
let printed = ''
for (const image of images) printed = await containerd.run(await containerd.criPull(image), [])
const origins = [...new Set(containerd.attempts().map(({ url }) => new URL(url).origin))]
const outside = [...containerd.asked]
await stop(secure)
await stop(plain)
const result: NodeInstall = {
  installed,
  origins,
  outside,
  printed: printed === `${busyboxLine}\n` ? 'busybox' : printed,
  named,
  findings: findings.map(({ rule }) => rule),
  checked,
  site: secure.url,
}
process.stdout.write(JSON.stringify(result))
