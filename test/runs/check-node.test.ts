import assert from 'node:assert/strict'
import { chmod, mkdir, rm, truncate, utimes } from 'node:fs/promises'
import { test } from 'node:test'
import type { NodeReport } from '../../src/report/node-report.ts'
import { checkNode, type CheckNodeOptions } from '../../src/runs/check-node.ts'
import {
  healthyFiles,
  nodeTree,
  plantedSecrets,
  registriesYaml,
  treeDigest,
  writtenByK3s,
  type NodeTree,
} from '../node/check/node-trees.ts'
import { k3sCases } from '../registries-yaml/render/k3s-cases.ts'
import { certificateAuthority } from '../servers/certificates.ts'
import { tempDir } from '../servers/temp-dir.ts'

const containerd = '/var/lib/rancher/k3s/agent/etc/containerd'

/** Checks a tree, and that no secret leaves and nothing is written. */
async function check(tree: NodeTree, options: CheckNodeOptions = {}): Promise<NodeReport> {
  const before = await treeDigest(tree.path)
  const report = await checkNode({ root: tree.path, ...options })
  assert.equal(await treeDigest(tree.path), before, 'the tree was changed')
  const text = JSON.stringify(report)
  for (const secret of plantedSecrets) assert.ok(!text.includes(secret), `${secret} in ${text}`)
  return report
}

/** The findings that need attention, as `severity id path`. */
function problems({ findings }: NodeReport): readonly string[] {
  return findings
    .filter(({ severity }) => severity === 'error' || severity === 'warning')
    .map(({ severity, id, path }) => `${severity} ${id} ${path}`)
}

test('reports no problems on a healthy node', async () => {
  await using tree = await nodeTree(healthyFiles())
  const report = await check(tree)
  assert.deepEqual(problems(report), [])
  assert.equal(report.restartNeeded, false)
  assert.deepEqual(
    report.hosts.map(({ registry, state }) => `${registry} ${state}`),
    ['docker.io same', 'registry.example.com:5000 same'],
  )
  assert.equal(report.settings.role, 'server')
})

for (const { name, text, isRefused, disableDefaultEndpoint, embeddedRegistry, configs, hosts } of k3sCases.filter(
  ({ isRefused }) => !isRefused,
)) {
  test(`finds nothing to change in the files that K3s wrote in case ${name}`, async () => {
    const config = `${disableDefaultEndpoint ? 'disable-default-registry-endpoint: true\n' : ''}${embeddedRegistry ? 'embedded-registry: true\n' : ''}`
    await using tree = await nodeTree({
      '/etc/rancher/k3s/config.yaml': config,
      '/etc/rancher/k3s/registries.yaml': text,
      ...Object.fromEntries([...hosts].map(([path, content]) => [`${containerd}/${path}`, content])),
      [`${containerd}/config.toml`]: configs.get(3) ?? '',
    })
    assert.equal(isRefused, false)
    const { findings } = await check(tree)
    assert.deepEqual(
      findings.filter(({ id }) => /^(?:certs|config|credentials|template)-/.test(id) && !id.endsWith('-same')),
      [],
    )
  })
}

test('reports a registries.yaml that was changed after K3s started', async () => {
  await using tree = await nodeTree(healthyFiles())
  await tree.add({
    '/etc/rancher/k3s/registries.yaml': registriesYaml
      .replaceAll('registry.example.com:5000', 'new.example.com:5000')
      .replace('docker.io', 'quay.io'),
  })
  await utimes(tree.at('/etc/rancher/k3s/registries.yaml'), 1_790_000_000, 1_790_000_000)
  const report = await check(tree)
  assert.deepEqual(problems(report), [
    `error credentials-missing ${containerd}/config.toml`,
    `warning credentials-left-over ${containerd}/config.toml`,
    `error certs-left-over ${containerd}/certs.d/docker.io/hosts.toml`,
    `error certs-left-over ${containerd}/certs.d/registry.example.com:5000/hosts.toml`,
    `error certs-missing ${containerd}/certs.d/new.example.com:5000/hosts.toml`,
    `error certs-missing ${containerd}/certs.d/quay.io/hosts.toml`,
  ])
  assert.equal(report.restartNeeded, true)
  assert.match(report.findings.find(({ id }) => id === 'certs-missing')?.message ?? '', /registries\.yaml was changed after K3s started/)
})

test('reports a changed password by its registry, and a changed endpoint', async () => {
  await using tree = await nodeTree(healthyFiles())
  await tree.add({
    '/etc/rancher/k3s/registries.yaml': registriesYaml.replace('s3cr3t-passw0rd', 'old-passw0rd-9').replace('5000/v2', '5000/v2/prefix'),
  })
  const report = await check(tree)
  const found = problems(report)
  assert.ok(found.includes(`error credentials-changed ${containerd}/config.toml`), found.join('\n'))
  assert.ok(found.includes(`error certs-changed ${containerd}/certs.d/docker.io/hosts.toml`), found.join('\n'))
  assert.match(report.findings.find(({ id }) => id === 'credentials-changed')?.message ?? '', /"registry\.example\.com:5000"/)
})

const ownTemplate = `version = 3
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "${containerd}/certs.d"
`

test('reports a template that leaves out the credentials', async () => {
  await using tree = await nodeTree({
    ...healthyFiles(),
    [`${containerd}/config-v3.toml.tmpl`]: ownTemplate,
    [`${containerd}/config.toml`]: ownTemplate,
  })
  const report = await check(tree)
  assert.deepEqual(problems(report), [`error template-without-auth ${containerd}/config-v3.toml.tmpl`])
  assert.match(report.findings.find(({ id }) => id === 'template-without-auth')?.message ?? '', /"registry\.example\.com:5000"/)
})

const templates: readonly (readonly [what: string, template: string, problems: readonly string[]])[] = [
  ['that begins with the base', '{{ template "base" . }}\n[plugins.x]\n', []],
  [
    'with the base in a Go comment only',
    '{{/* {{ template "base" . }} */}}\nversion = 3\n',
    ['template-without-auth', 'template-without-config-path'],
  ],
  [
    'with the credentials in a TOML comment only',
    `${ownTemplate}# [plugins.'io.containerd.cri.v1.images'.registry.configs.'{{ $k }}'.auth]\n# [plugins.'io.containerd.cri.v1.images'.registry.configs.'registry.example.com:5000'.auth]\n`,
    ['template-without-auth'],
  ],
  [
    'with another config_path',
    ownTemplate.replace(`${containerd}/certs.d`, '/etc/containerd/certs.d'),
    ['template-without-auth', 'template-without-config-path'],
  ],
  ['with the base and its own registry section', `{{ template "base" . }}\n${ownTemplate}`, ['template-repeats-section']],
  [
    'that writes the credentials itself',
    `${ownTemplate}{{ range $k, $v := .PrivateRegistryConfig.Configs }}\n[plugins.'io.containerd.cri.v1.images'.registry.configs.'{{ $k }}'.auth]\n{{ end }}`,
    [],
  ],
]
for (const [what, template, expected] of templates) {
  test(`checks a template ${what}`, async () => {
    await using tree = await nodeTree({ ...healthyFiles(), [`${containerd}/config-v3.toml.tmpl`]: template })
    const { findings } = await check(tree)
    assert.deepEqual(
      findings.filter(({ id, severity }) => id.startsWith('template') && severity === 'error').map(({ id }) => id),
      expected,
    )
  })
}

test('ignores the older template next to the newer one, and writes version 2 from it only', async () => {
  await using both = await nodeTree({
    ...healthyFiles(),
    [`${containerd}/config-v3.toml.tmpl`]: '{{ template "base" . }}',
    [`${containerd}/config.toml.tmpl`]: '',
  })
  assert.deepEqual(problems(await check(both)), [`warning template-ignored ${containerd}/config.toml.tmpl`])
  await using older = await nodeTree({ ...healthyFiles({ version: 2 }), [`${containerd}/config.toml.tmpl`]: '{{ template "base" . }}' })
  assert.deepEqual(problems(await check(older)), [])
})

test('reports hosts.toml files that K3s did not write: one stays, one is replaced', async () => {
  const foreign = 'server = "https://ghcr.io"\n[host."https://cache.example.com"]\n  capabilities = ["pull"]\n'
  await using tree = await nodeTree({
    ...healthyFiles(),
    [`${containerd}/certs.d/ghcr.io/hosts.toml`]: foreign,
    [`${containerd}/certs.d/docker.io/hosts.toml`]: foreign,
    [`${containerd}/certs.d/broken.example.com/hosts.toml`]: 'server = ',
  })
  const report = await check(tree)
  assert.deepEqual(problems(report), [
    `warning certs-foreign-kept ${containerd}/certs.d/broken.example.com/hosts.toml`,
    `error certs-invalid ${containerd}/certs.d/broken.example.com/hosts.toml`,
    `warning certs-foreign-replaced ${containerd}/certs.d/docker.io/hosts.toml`,
    `warning certs-foreign-kept ${containerd}/certs.d/ghcr.io/hosts.toml`,
  ])
  assert.match(
    report.findings.find(({ path }) => path.includes('ghcr.io'))?.message ?? '',
    /asks https:\/\/cache\.example\.com, https:\/\/ghcr\.io/,
  )
})

test('reports a directory that containerd finds before that of K3s', async () => {
  const registries = registriesYaml.replace('docker.io', '"own.example.com:5000"')
  await using tree = await nodeTree({
    ...healthyFiles({ registries }),
    [`${containerd}/certs.d/own.example.com_5000_/hosts.toml`]: '[host]\n',
  })
  assert.ok(problems(await check(tree)).includes(`error certs-shadowed ${containerd}/certs.d/own.example.com:5000/hosts.toml`))
})

test('follows another data directory, from config.yaml, from flags and from the environment', async () => {
  const flags = { dataDir: '/data/k3s' }
  const written = healthyFiles({ flags, config: 'write-kubeconfig-mode: "0644"\n' })
  await using fromFile = await nodeTree({ ...written, '/etc/rancher/k3s/config.yaml.d/10.yaml': 'data-dir: /data/k3s\n' })
  await using fromFlag = await nodeTree({
    ...written,
    '/etc/systemd/system/k3s.service': "[Service]\nExecStart=/usr/local/bin/k3s \\\n    server \\\n\t'--data-dir=/data/k3s' \\\n",
  })
  await using fromVariable = await nodeTree({
    ...written,
    '/etc/systemd/system/k3s.service.env': "K3S_DATA_DIR='/data/k3s'\nK3S_TOKEN='node-t0ken-value'\n",
  })
  for (const tree of [fromFile, fromFlag, fromVariable]) {
    const report = await check(tree)
    assert.equal(report.settings.dataDir, '/data/k3s')
    assert.deepEqual(problems(report), [])
  }
  await using unused = await nodeTree(written)
  assert.ok(problems(await check(unused)).includes(`error config-missing ${containerd}/config.toml`))
})

/** The certificates of the embedded registry below a data directory. */
async function embeddedFiles(product: 'k3s' | 'rke2' = 'k3s'): Promise<Record<string, string>> {
  const authority = await certificateAuthority('Node CA')
  const { certificate, key } = await authority.server({ names: ['node'] })
  const agent = `/var/lib/rancher/${product}/agent`
  return {
    [`${agent}/server-ca.crt`]: authority.certificate,
    [`${agent}/client-${product}-controller.crt`]: certificate,
    [`${agent}/client-${product}-controller.key`]: key,
  }
}

const withoutAuth = 'mirrors:\n  docker.io:\n    endpoint: ["https://registry.example.com"]\n'

test('expects the embedded registry at [::1] where IPv6 is first', async () => {
  const flags = { embeddedRegistry: true, embeddedAddress: '[::1]:6443' }
  const config = 'embedded-registry: true\nservice-cidr: fd00:43::/112,10.43.0.0/16\n'
  await using tree = await nodeTree({ ...healthyFiles({ registries: withoutAuth, config, flags }), ...(await embeddedFiles()) })
  const report = await check(tree)
  assert.deepEqual(problems(report), [])
  assert.equal(report.settings.embeddedRegistry, '[::1]:6443')
  await tree.add({ '/etc/rancher/k3s/config.yaml': 'embedded-registry: true\n' })
  assert.deepEqual(problems(await check(tree)), [], 'the first address of the node is not in its files')
  await using older = await nodeTree({
    ...healthyFiles({ registries: withoutAuth, config, flags: { embeddedRegistry: true } }),
    ...(await embeddedFiles()),
  })
  assert.ok(problems(await check(older)).includes(`error certs-changed ${containerd}/certs.d/docker.io/hosts.toml`))
})

test('learns from hosts.toml that the server of an agent enables the embedded registry', async () => {
  const { '/etc/systemd/system/k3s.service': _, ...files } = healthyFiles({ registries: withoutAuth, flags: { embeddedRegistry: true } })
  const unit = { '/etc/systemd/system/k3s-agent.service': '[Service]\nExecStart=/usr/local/bin/k3s agent\n' }
  await using tree = await nodeTree({ ...files, ...unit, ...(await embeddedFiles()) })
  const report = await check(tree)
  assert.deepEqual(problems(report), [])
  assert.equal(report.settings.role, 'agent')
  assert.ok(report.findings.some(({ id }) => id === 'embedded-registry-from-server'))
})

test('ignores the flags of servers on an agent, as K3s does', async () => {
  const config = 'embedded-registry: true\nsystem-default-registry: r.example.com\nhttps-listen-port: none\nservice-cidr: fd00::/112\n'
  const { '/etc/systemd/system/k3s.service': _, ...files } = healthyFiles({ config })
  await using tree = await nodeTree({
    ...files,
    '/etc/systemd/system/k3s-agent.service': '[Service]\nEnvironment=K3S_SUPERVISOR_PORT=7443\nExecStart=/usr/local/bin/k3s agent\n',
  })
  const report = await check(tree)
  assert.deepEqual(problems(report), [])
  assert.equal(report.settings.embeddedRegistry, null)
  assert.equal(report.settings.systemDefaultRegistry, null)
})

test('reads the paths, the header and the port of RKE2 with its product', async () => {
  const flags = { product: 'rke2', embeddedRegistry: true } as const
  await using tree = await nodeTree({
    ...healthyFiles({ registries: withoutAuth, config: 'embedded-registry: true\n', flags }),
    ...(await embeddedFiles('rke2')),
  })
  const report = await check(tree, { product: 'rke2' })
  assert.deepEqual(problems(report), [])
  assert.equal(report.settings.embeddedRegistry, '127.0.0.1:9345')
  assert.equal(report.settings.registries, '/etc/rancher/rke2/registries.yaml')
  assert.deepEqual(problems(await check(tree)), ['error k3s-not-found /'])
})

test('reports an embedded registry without mirrors', async () => {
  const config = 'embedded-registry: true\n'
  const registries = 'configs:\n  registry.example.com:\n    auth: {username: node, password: s3cr3t-passw0rd}\n'
  await using tree = await nodeTree({
    ...healthyFiles({ registries, config, flags: { embeddedRegistry: true } }),
    ...(await embeddedFiles()),
  })
  const [first, ...others] = problems(await check(tree)).filter((line) => line.includes('embedded'))
  assert.match(first ?? '', /^error embedded-registry \/etc\/rancher\/k3s\/registries\.yaml$/)
  assert.deepEqual(others, [])
  const { '/etc/rancher/k3s/registries.yaml': _, ...missing } = healthyFiles({ registries: '', config, flags: { embeddedRegistry: true } })
  await using without = await nodeTree({ ...missing, ...(await embeddedFiles()) })
  assert.match(problems(await check(without)).join('\n'), /error embedded-registry \/etc\/rancher\/k3s\/registries\.yaml/)
})

test('reports the certificate files that registries.yaml names, below the root', async () => {
  const tls =
    'mirrors:\n  docker.io:\n    endpoint: ["https://registry.example.com"]\nconfigs:\n  registry.example.com:\n    tls: {ca_file: /etc/ssl/site.crt}\n'
  await using missing = await nodeTree(healthyFiles({ registries: tls }))
  assert.deepEqual(problems(await check(missing)), ['error tls-file-missing /etc/rancher/k3s/registries.yaml'])
  await using garbage = await nodeTree({ ...healthyFiles({ registries: tls }), '/etc/ssl/site.crt': Buffer.from([0, 255, 1, 254]) })
  assert.deepEqual(problems(await check(garbage)), ['error tls-ca-invalid /etc/rancher/k3s/registries.yaml'])
  await using linked = await nodeTree(healthyFiles({ registries: tls }))
  await linked.add({ '/certs/ca.crt': (await certificateAuthority('Site CA')).certificate })
  await linked.link('/etc/ssl/site.crt', '/certs/ca.crt')
  assert.deepEqual(problems(await check(linked)), [])
})

test('reports files that this user cannot read, with the fix', { skip: process.getuid?.() !== 0 }, async () => {
  const archive = '/var/lib/rancher/k3s/agent/images/a.tar'
  await using tree = await nodeTree({ ...healthyFiles(), [archive]: 'x' })
  await chmod(tree.path, 0o755)
  await chmod(tree.at('/var/lib/rancher/k3s/agent/etc/containerd/certs.d'), 0o700)
  const user = process.geteuid?.() ?? 0
  process.seteuid?.(65_534)
  let report
  try {
    report = await checkNode({ root: tree.path })
  } finally {
    process.seteuid?.(user)
  }
  assert.ok(problems(report).includes('warning unreadable /etc/rancher/k3s/registries.yaml'), problems(report).join('\n'))
  assert.ok(problems(report).includes(`warning unreadable ${archive}`), problems(report).join('\n'))
  assert.match(report.findings.find(({ id }) => id === 'unreadable')?.fix ?? '', /as root/)
})

test("reports containerd's proxies without their passwords, and the endpoints behind them", async () => {
  const variables =
    "CONTAINERD_HTTPS_PROXY='http://user:proxy-passw0rd@proxy.example.com:3128'\nNO_PROXY=.svc,10.0.0.0/8\nK3S_TOKEN=node-t0ken-value\n"
  await using tree = await nodeTree({ ...healthyFiles(), '/etc/systemd/system/k3s.service.env': variables })
  const report = await check(tree)
  assert.deepEqual(problems(report), ['warning proxy-covers-endpoint /etc/systemd/system/k3s.service.env'])
  assert.deepEqual(report.proxies, [{ host: 'registry.example.com:5000', proxy: 'http://proxy.example.com:3128' }])
  await tree.add({ '/etc/systemd/system/k3s.service.env': `${variables}CONTAINERD_NO_PROXY=registry.example.com\n` })
  assert.deepEqual((await check(tree)).proxies, [{ host: 'registry.example.com:5000', proxy: null }])
  // In Go a leading dot means subdomains only.
  await tree.add({ '/etc/systemd/system/k3s.service.env': `${variables}CONTAINERD_NO_PROXY=.registry.example.com\n` })
  assert.deepEqual((await check(tree)).proxies, [{ host: 'registry.example.com:5000', proxy: 'http://proxy.example.com:3128' }])
})

test('reports drop-ins that override the registry section, and those without effect', async () => {
  const images = "[plugins.'io.containerd.cri.v1.images'.registry"
  await using tree = await nodeTree({
    ...healthyFiles(),
    [`${containerd}/config-v3.toml.d/10-path.toml`]: `${images}]\n  config_path = "/etc/containerd/certs.d"\n`,
    [`${containerd}/config-v3.toml.d/20-mirrors.toml`]: `${images}.mirrors.'docker.io']\n  endpoint = ["https://m.example.com"]\n`,
    [`${containerd}/config-v3.toml.d/30-auth.toml`]: `${images}.configs.'a.example.com'.auth]\n  password = "drop-in-passw0rd"\n`,
    [`${containerd}/config-v3.toml.d/40-broken.toml`]: `password = "drop-in-passw0rd\n`,
    [`${containerd}/config-v3.toml.d/50-other.toml`]:
      "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.x]\n  runtime_type = 'y'\n",
    [`${containerd}/config.toml.d/60-old.toml`]: '',
  })
  assert.deepEqual(problems(await check(tree)), [
    `error drop-in-config-path ${containerd}/config-v3.toml.d/10-path.toml`,
    `error mirrors-with-config-path ${containerd}/config-v3.toml.d/20-mirrors.toml`,
    `warning drop-in-registry ${containerd}/config-v3.toml.d/30-auth.toml`,
    `error drop-in-invalid ${containerd}/config-v3.toml.d/40-broken.toml`,
    `warning drop-in-ignored ${containerd}/config.toml.d/60-old.toml`,
  ])
})

test('reports a config.yaml with which K3s does not start, and settings that are newer than its start', async () => {
  await using broken = await nodeTree(healthyFiles({ config: 'token: [node-t0ken-value\n' }))
  assert.ok(problems(await check(broken)).includes('error settings-invalid /etc/rancher/k3s/config.yaml'))
  await using newer = await nodeTree(healthyFiles())
  await utimes(newer.at('/etc/rancher/k3s/config.yaml'), 1_790_000_000, 1_790_000_000)
  const { findings, restartNeeded } = await check(newer)
  assert.ok(findings.some(({ id, path }) => id === 'settings-newer' && path === '/etc/rancher/k3s/config.yaml'))
  assert.equal(restartNeeded, true)
})

test('reports a flag of the service with which K3s does not start, without other flags', async () => {
  const unit = '[Service]\nExecStart=/usr/local/bin/k3s server --token=node-t0ken-value --https-listen-port=none\n'
  await using tree = await nodeTree({ ...healthyFiles(), '/etc/systemd/system/k3s.service': unit })
  assert.deepEqual(problems(await check(tree)), ['error settings-invalid /etc/systemd/system/k3s.service'])
})

test('reports what the system-default-registry lacks in registries.yaml', async () => {
  await using tree = await nodeTree(healthyFiles({ config: 'system-default-registry: private.example.com:443/k3s\n' }))
  const { findings, settings } = await check(tree)
  assert.equal(settings.systemDefaultRegistry, 'private.example.com:443/k3s')
  assert.match(findings.find(({ id }) => id === 'system-default-registry')?.message ?? '', /no settings for private\.example\.com:443/)
})

test('reports an empty root as a node without K3s', async () => {
  await using tree = await nodeTree()
  assert.deepEqual(problems(await check(tree)), ['error k3s-not-found /'])
})

test('does not accept a root that is not a directory', async () => {
  await using tree = await nodeTree({ '/file': '' })
  await assert.rejects(checkNode({ root: tree.at('/file') }), { code: 'USAGE' })
  await assert.rejects(checkNode({ root: tree.at('/missing') }), { code: 'USAGE' })
  await assert.rejects(checkNode({ root: 1 as never }), { code: 'USAGE' })
})

test('reads nothing outside of the root', async () => {
  await using outside = await tempDir()
  await outside.write('registries.yaml', registriesYaml)
  await outside.write('ca.crt', (await certificateAuthority('Outside CA')).certificate)
  const { '/etc/rancher/k3s/registries.yaml': _, ...files } = healthyFiles({ config: 'data-dir: /var/lib/rancher/k3s\n' })
  await using tree = await nodeTree(files)
  await tree.link('/etc/rancher/k3s/registries.yaml', `${outside.path}/registries.yaml`)
  await tree.link('/var/lib/rancher/k3s/agent/images', `../../../../../../../../../../..${outside.path}`)
  assert.deepEqual(
    (await check(tree)).findings.filter(({ id }) => id === 'registries-read'),
    [],
  )
  await using named = await nodeTree(
    healthyFiles({
      registries: `mirrors:\n  docker.io: {endpoint: ["https://r.example.com"]}\nconfigs:\n  r.example.com: {tls: {ca_file: ${outside.path}/ca.crt}}\n`,
    }),
  )
  assert.ok(problems(await check(named)).includes('error tls-file-missing /etc/rancher/k3s/registries.yaml'))
})

/** The files that were not read. */
const unreadPaths = ({ findings }: NodeReport): readonly string[] =>
  findings.filter(({ id }) => id === 'unreadable').map(({ path }) => path)

test('finishes with a report where files are links in a circle, directories, garbage, or huge', async () => {
  await using tree = await nodeTree(healthyFiles())
  await mkdir(tree.at('/etc/systemd/system/k3s.service.env'), { recursive: true })
  await mkdir(tree.at(`${containerd}/config-v3.toml.tmpl`))
  await mkdir(tree.at(`${containerd}/certs.d/quay.io/hosts.toml`), { recursive: true })
  await tree.add({ [`${containerd}/certs.d/gcr.io/hosts.toml`]: Buffer.from([0xff, 0, 0xfe]) })
  const report = await check(tree)
  assert.deepEqual(unreadPaths(report), [
    '/etc/systemd/system/k3s.service.env',
    `${containerd}/config-v3.toml.tmpl`,
    `${containerd}/certs.d/quay.io/hosts.toml`,
  ])
  assert.ok(problems(report).includes(`error certs-invalid ${containerd}/certs.d/gcr.io/hosts.toml`))

  await rm(tree.at('/etc/rancher/k3s/registries.yaml'))
  await tree.link('/etc/rancher/k3s/registries.yaml', '/etc/rancher/k3s/other.yaml')
  await tree.link('/etc/rancher/k3s/other.yaml', '/etc/rancher/k3s/registries.yaml')
  await truncate(tree.at(`${containerd}/config.toml`), 40 * 1024 ** 3)
  const worse = unreadPaths(await checkNode({ root: tree.path }))
  assert.ok(worse.includes('/etc/rancher/k3s/registries.yaml') && worse.includes(`${containerd}/config.toml`), worse.join(' '))
})

test('compares nothing of certs.d for a version of K3s before it', async () => {
  await using tree = await nodeTree(healthyFiles())
  const report = await check(tree, { k3sVersion: { major: 1, minor: 25, patch: 0, build: { number: 1, dotted: false } } })
  assert.deepEqual(report.hosts, [])
  assert.match(report.findings.find(({ id }) => id === 'old-version')?.fix ?? '', /options\.k3sVersion/)
  await rm(tree.at(`${containerd}/certs.d`), { recursive: true })
  const old = await check(tree, { k3sVersion: { major: 1, minor: 25, patch: 0, build: { number: 1, dotted: false } } })
  assert.deepEqual(problems(old), [])
  assert.equal(old.findings.find(({ id }) => id === 'old-version')?.fix, undefined)
})

test('does not compare the certs.d of its first versions, which has another form', async () => {
  const early = '# File generated by k3s. DO NOT EDIT.\nserver = "https://registry-1.docker.io/v2"\n\n[host]\n'
  await using tree = await nodeTree({ ...healthyFiles({ version: 2 }), [`${containerd}/certs.d/docker.io/hosts.toml`]: early })
  const report = await check(tree, { k3sVersion: { major: 1, minor: 29, patch: 1, build: { number: 2, dotted: false } } })
  assert.deepEqual(problems(report), [])
  assert.ok(report.findings.some(({ id }) => id === 'old-version'))
})

test('counts certs.d of the same registries as the same, whatever writes them', async () => {
  await using tree = await nodeTree({ ...healthyFiles(), ...writtenByK3s(registriesYaml) })
  assert.deepEqual(problems(await check(tree)), [])
})
