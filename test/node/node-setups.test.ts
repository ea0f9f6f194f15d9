import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { askedImages } from '../../src/node/asked-names.ts'
import { privateRegistryPath, withEmbeddedAddress } from '../../src/node/node-settings.ts'
import { readNodeConfig } from '../../src/node/read-node-config.ts'
import { formatReference, parseReference } from '../../src/oci/reference.ts'
import { readRegistries } from '../../src/registries-yaml/read/read-registries.ts'
import { createResolver } from '../../src/registries-yaml/resolve/resolve-reference.ts'
import { parseVersion } from '../../src/release/version.ts'
import { tempDir } from '../servers/temp-dir.ts'

/** One node: its files, an image, and what K3s' code makes of them. */
interface Setup {
  readonly title: string
  readonly product?: 'rke2'
  readonly version?: string
  /** The text of config.yaml, or several files by their names below `config.yaml.d`. */
  readonly config: string | Readonly<Record<string, string>>
  readonly registries?: string
  /** Where registries.yaml is; default: the directory of config.yaml. */
  readonly registriesAt?: string
  readonly image: string
  readonly asked?: string
  /** In order: the URL of the first request, then the CA file, the client certificate and the user, where there are any. */
  readonly endpoints: readonly string[]
}

const x = 'rancher/mirrored-coredns-coredns:1.14.6'
const mirror = 'mirrors:\n  docker.io:\n    endpoint: ["https://m.example.com"]\n'
const k3sTls = '/var/lib/rancher/k3s/agent/server-ca.crt /var/lib/rancher/k3s/agent/client-k3s-controller.crt'
const atMirror = 'https://m.example.com/v2/rancher/mirrored-coredns-coredns/manifests/1.14.6?ns=docker.io'
const atHub = 'https://registry-1.docker.io/v2/rancher/mirrored-coredns-coredns/manifests/1.14.6'
const atEmbedded = (address: string): string => `https://${address}/v2/rancher/mirrored-coredns-coredns/manifests/1.14.6?ns=docker.io`

// By hand from pkg/agent/config/config.go, pkg/cli/server/server.go, pkg/daemons/config/types.go, pkg/configfilearg/parser.go
// and pkg/agent/containerd/config.go of K3s, and from its post on the move to ghcr.io.
const setups: readonly Setup[] = [
  { title: 'no settings', config: 'token: secret', registries: mirror, image: x, endpoints: [atMirror, atHub] },
  {
    title: 'a data directory moves the certificates of the embedded registry',
    config: 'data-dir: /data/k3s\nembedded-registry: true',
    registries: mirror,
    image: x,
    endpoints: [`${atEmbedded('127.0.0.1:6443')} /data/k3s/agent/server-ca.crt /data/k3s/agent/client-k3s-controller.crt`, atMirror, atHub],
  },
  {
    title: 'the short name of the data directory, and a number for a switch',
    config: 'd: /srv\nembedded-registry: 1',
    registries: mirror,
    image: x,
    endpoints: [`${atEmbedded('127.0.0.1:6443')} /srv/agent/server-ca.crt /srv/agent/client-k3s-controller.crt`, atMirror, atHub],
  },
  {
    title: 'another port of the API server',
    config: 'https-listen-port: 16443\nembedded-registry: true',
    registries: mirror,
    image: x,
    endpoints: [`${atEmbedded('127.0.0.1:16443')} ${k3sTls}`, atMirror, atHub],
  },
  {
    title: 'the supervisor port decides over the port of the API server',
    config: 'https-listen-port: 16443\nsupervisor-port: 9345\nembedded-registry: true',
    registries: mirror,
    image: x,
    endpoints: [`${atEmbedded('127.0.0.1:9345')} ${k3sTls}`, atMirror, atHub],
  },
  {
    title: 'IPv6 is the first service network',
    config: 'service-cidr: fd00:43::/112,10.43.0.0/16\nembedded-registry: true',
    registries: mirror,
    image: x,
    endpoints: [`${atEmbedded('[::1]:6443')} ${k3sTls}`, atMirror, atHub],
  },
  {
    title: 'a dual stack with IPv4 first',
    config: 'service-cidr: [10.43.0.0/16, "fd00:43::/112"]\nembedded-registry: true',
    registries: mirror,
    image: x,
    endpoints: [`${atEmbedded('127.0.0.1:6443')} ${k3sTls}`, atMirror, atHub],
  },
  {
    title: 'IPv6 is the first address of the node, without a service network',
    config: 'node-ip: ["fd00::7", 10.0.0.7]\nhttps-listen-port: 443\nembedded-registry: true',
    registries: mirror,
    image: x,
    endpoints: [`${atEmbedded('[::1]:443')} ${k3sTls}`, atMirror, atHub],
  },
  {
    title: 'the embedded registry gets no local mirrors',
    config: 'embedded-registry: true',
    registries: 'mirrors:\n  localhost:5000:\n    endpoint: ["http://m.example.com"]\n',
    image: 'localhost:5000/a/b:1',
    endpoints: ['http://m.example.com/v2/a/b/manifests/1?ns=localhost%3A5000', 'http://localhost:5000/v2/a/b/manifests/1'],
  },
  {
    title: 'RKE2 has its own port, paths and certificates, and no flag for the port',
    product: 'rke2',
    config: 'https-listen-port: 16443\nembedded-registry: true',
    registries: mirror,
    image: x,
    endpoints: [
      `${atEmbedded('127.0.0.1:9345')} /var/lib/rancher/rke2/agent/server-ca.crt /var/lib/rancher/rke2/agent/client-rke2-controller.crt`,
      atMirror,
      atHub,
    ],
  },
  {
    title: 'RKE2 pulls all its images from the system registry',
    product: 'rke2',
    config: 'system-default-registry: r.example.com',
    image: 'rancher/hardened-calico:v3.30',
    asked: 'r.example.com/rancher/hardened-calico:v3.30',
    endpoints: ['https://r.example.com/v2/rancher/hardened-calico/manifests/v3.30'],
  },
  {
    title: 'a system registry with a port, and its own TLS and credentials',
    config: 'system-default-registry: r.example.com:5000',
    registries: 'configs:\n  r.example.com:5000:\n    auth: {username: robot, password: p}\n    tls: {ca_file: /ca.pem}\n',
    image: x,
    asked: `r.example.com:5000/${x}`,
    endpoints: ['https://r.example.com:5000/v2/rancher/mirrored-coredns-coredns/manifests/1.14.6 /ca.pem robot'],
  },
  {
    title: 'a system registry with a path',
    config: 'system-default-registry: r.example.com/a/b',
    image: 'rancher/klipper-helm:v0.9.3',
    asked: 'r.example.com/a/b/rancher/klipper-helm:v0.9.3',
    endpoints: ['https://r.example.com/v2/a/b/rancher/klipper-helm/manifests/v0.9.3'],
  },
  {
    title: 'a system registry over http, by a mirror of its host',
    config: 'system-default-registry: r.example.com:5000\ndisable-default-registry-endpoint: true',
    registries: 'mirrors:\n  r.example.com:5000:\n    endpoint: ["http://r.example.com:5000"]\n',
    image: 'rancher/klipper-lb:v0.4.9',
    asked: 'r.example.com:5000/rancher/klipper-lb:v0.4.9',
    endpoints: ['http://r.example.com:5000/v2/rancher/klipper-lb/manifests/v0.4.9'],
  },
  { title: 'an empty system registry', config: 'system-default-registry: ""', image: x, endpoints: [atHub] },
  {
    title: 'images that are not packaged with K3s keep their names',
    config: 'system-default-registry: r.example.com',
    image: 'rancher/k3s-upgrade:v1.36.3-k3s1',
    endpoints: ['https://registry-1.docker.io/v2/rancher/k3s-upgrade/manifests/v1.36.3-k3s1'],
  },
  {
    title: 'the default pause image below the system registry',
    version: 'v1.35.6+k3s1',
    config: 'system-default-registry: r.example.com',
    image: '(pause)',
    asked: 'r.example.com/rancher/mirrored-pause:3.6',
    endpoints: ['https://r.example.com/v2/rancher/mirrored-pause/manifests/3.6'],
  },
  {
    title: 'the registry goes before a pause image that names another one',
    config: 'system-default-registry: r.example.com\npause-image: docker.io/rancher/mirrored-pause:3.6',
    image: '(pause)',
    asked: 'r.example.com/docker.io/rancher/mirrored-pause:3.6',
    endpoints: ['https://r.example.com/v2/docker.io/rancher/mirrored-pause/manifests/3.6'],
  },
  {
    title: 'a pause image that begins with the system registry is kept',
    config: 'system-default-registry: r.example.com\npause-image: r.example.com/own/pause:1',
    image: '(pause)',
    asked: 'r.example.com/own/pause:1',
    endpoints: ['https://r.example.com/v2/own/pause/manifests/1'],
  },
  {
    title: 'the last drop-in file wins, and one that appends keeps the first network first',
    config: {
      '10-first.yaml': 'system-default-registry: a.example.com\nservice-cidr: 10.43.0.0/16\nembedded-registry: true',
      '20-second.yml': 'system-default-registry: b.example.com\nservice-cidr+: fd00:43::/112\nhttps-listen-port: 7443',
    },
    registries: 'mirrors:\n  b.example.com:\n',
    image: x,
    asked: `b.example.com/${x}`,
    endpoints: [
      `https://127.0.0.1:7443/v2/rancher/mirrored-coredns-coredns/manifests/1.14.6?ns=b.example.com ${k3sTls}`,
      'https://b.example.com/v2/rancher/mirrored-coredns-coredns/manifests/1.14.6',
    ],
  },
  {
    title: 'no fallback to a registry with a mirror',
    config: 'disable-default-registry-endpoint: yes',
    registries: mirror,
    image: x,
    endpoints: [atMirror],
  },
  {
    title: 'the fallback stays for a mirror that configs names too',
    config: 'disable-default-registry-endpoint: true',
    registries: `${mirror}configs:\n  docker.io:\n    auth: {username: robot, password: p}\n`,
    image: x,
    endpoints: [atMirror, `${atHub} robot`],
  },
  {
    title: 'registries.yaml at another path',
    config: 'private-registry: /data/registries.yaml',
    registries: mirror,
    registriesAt: '/data/registries.yaml',
    image: x,
    endpoints: [atMirror, atHub],
  },
  {
    title: 'v1.40 keeps the path k3s-io below the system registry',
    version: 'v1.40.0+k3s1',
    config: 'system-default-registry: r.example.com/mirror',
    image: 'ghcr.io/k3s-io/klipper-lb:v0.5.0',
    asked: 'r.example.com/mirror/k3s-io/klipper-lb:v0.5.0',
    endpoints: ['https://r.example.com/v2/mirror/k3s-io/klipper-lb/manifests/v0.5.0'],
  },
  {
    title: 'v1.40 with Docker Hub as its system registry, and the recipe of K3s',
    version: 'v1.40.0+k3s1',
    config: 'system-default-registry: docker.io',
    registries: 'mirrors:\n  docker.io:\n    endpoint: ["https://index.docker.io"]\n    rewrite:\n      "^k3s-io/(.*)": "rancher/$1"\n',
    image: 'ghcr.io/k3s-io/klipper-lb:v0.5.0',
    asked: 'docker.io/k3s-io/klipper-lb:v0.5.0',
    endpoints: [
      'https://index.docker.io/v2/rancher/klipper-lb/manifests/v0.5.0?ns=docker.io',
      'https://registry-1.docker.io/v2/k3s-io/klipper-lb/manifests/v0.5.0',
    ],
  },
  {
    title: 'v1.20 does not have the flag',
    version: 'v1.20.15+k3s1',
    config: 'system-default-registry: r.example.com',
    image: 'rancher/coredns-coredns:1.8.3',
    endpoints: ['https://registry-1.docker.io/v2/rancher/coredns-coredns/manifests/1.8.3'],
  },
]

/** Writes the files of a node into a copy, and resolves the image as the node does. */
async function resolve({ product = 'k3s' as 'k3s' | 'rke2', version, config, registries = '', registriesAt, image }: Setup) {
  await using root = await tempDir()
  const directory = `/etc/rancher/${product}`
  const configs = typeof config === 'string' ? { 'config.yaml': config } : config
  const below = typeof config === 'string' ? directory : `${directory}/config.yaml.d`
  const files = Object.entries(configs).map(([name, text]) => [`${below}/${name}`, text] as const)
  for (const [path, text] of [...files, [registriesAt ?? `${directory}/registries.yaml`, registries] as const]) {
    await mkdir(dirname(join(root.path, path)), { recursive: true })
    await writeFile(join(root.path, path), text)
  }
  const read = await readNodeConfig(`${directory}/config.yaml`, { root: root.path })
  const settings = withEmbeddedAddress({ ...read.settings, version: version === undefined ? undefined : parseVersion(version) })
  const parsed = await readRegistries(join(root.path, privateRegistryPath(settings)))
  const selected = image === '(pause)' ? [] : [parseReference(image)]
  const [asked] = askedImages(selected, settings).images.map((one) => one.asked)
  assert.ok(asked)
  return createResolver(parsed.registries, settings).resolve(asked)
}

for (const setup of setups) {
  test(`a node pulls from the right endpoints: ${setup.title}`, async () => {
    const { reference, endpoints } = await resolve(setup)
    assert.equal(reference, setup.asked ?? formatReference(parseReference(setup.image)))
    const described = endpoints.map(({ requestUrl, tls, credentials: { credentials } }) =>
      [requestUrl, ...tls.ca, ...(tls.client[0] ?? []).slice(0, 1), ...(credentials?.kind === 'basic' ? [credentials.username] : [])].join(
        ' ',
      ),
    )
    assert.deepEqual(described, setup.endpoints)
  })
}
