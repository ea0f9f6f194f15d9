import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatReadme, type ReadmeFacts } from '../../src/kit/kit-readme.ts'
import { sha256 } from '../../src/oci/digest.ts'

const file = (path: string): ReadmeFacts['files'][number] => ({ path, digest: sha256(Buffer.from(path)), size: 1 })
const tag = 'v1.37.1+k3s1'
const facts: ReadmeFacts = {
  name: 'k3s.kit.tar.zst',
  isSplit: false,
  tool: 'k3s-mirror/1.0.0',
  releases: [tag],
  architectures: ['amd64', 'arm64'],
  registries: ['docker.io', 'ghcr.io'],
  images: 8,
  files: [file('install.sh'), file(`k3s/${tag}/k3s`), file(`k3s/${tag}/k3s-arm64`)],
  before: [],
  isDelta: false,
  installsFromSite: true,
}

test('describes only what the kit has', () => {
  const plain = formatReadme(facts)
  for (const absent of ['selinux/', 'airgap', 'agent/images', 'k3s-mirror-linux', 'earlier', '.sha256', 'undefined'])
    assert.ok(!plain.includes(absent), absent)
  assert.match(plain, /^ {2}ghcr\.io:\n {4}endpoint:\n/m)
  assert.match(plain, /INSTALL_K3S_VERSION=v1\.37\.1\+k3s1 /)
  const full = formatReadme({
    ...facts,
    isSplit: true,
    isDelta: true,
    before: [file(`k3s/${tag}/k3s-airgap-images-arm64.tar.zst`)],
    files: [
      ...facts.files,
      file('k3s-mirror/SHA256SUMS'),
      file('k3s-mirror/k3s-mirror-linux-amd64'),
      file('k3s-selinux/k3s-selinux-1.6-1.sle.noarch.rpm'),
      file('k3s-selinux/k3s-selinux-1.6-1.el9.noarch.rpm'),
    ],
  })
  for (const line of [
    'sha256sum --check k3s.kit.tar.zst.sha256',
    './k3s-mirror/k3s-mirror-linux-amd64 kit check k3s.kit.tar.zst',
    'sudo zypper install ./k3s-selinux/k3s-selinux-1.6-1.sle.noarch.rpm',
    'sudo dnf install -y ./k3s-selinux/k3s-selinux-1.6-1.el9.noarch.rpm',
    `sudo install -D -m 644 -t /var/lib/rancher/k3s/agent/images k3s/${tag}/k3s-airgap-images-arm64.tar.zst`,
  ])
    assert.ok(full.split('\n').includes(line), line)
  assert.match(full, /builds on an earlier one/)
})

test('the commands of a kit that needs an earlier one push both, and serve the directory', () => {
  const delta = formatReadme({ ...facts, isDelta: true, before: [file('install.sh')] }).split('\n')
  assert.ok(delta.includes('k3s-mirror kit push EARLIER k3s.kit.tar.zst --to oci:/srv/k3s'))
  assert.ok(delta.includes('k3s-mirror kit serve /srv/k3s --listen :443 --tls-cert site.pem --tls-key site.key'))
  assert.ok(delta.includes('k3s-mirror kit push EARLIER k3s.kit.tar.zst --to registry.example.com/mirror --files /srv/www'))
  assert.ok(!delta.some((line) => line.includes('kit serve k3s.kit')))
})

test('a file name with spaces, quotes or a dash is one word in each command', () => {
  const odd = formatReadme({ ...facts, isSplit: true, name: "my $(id) kit's.tar" })
  assert.equal(odd.split(String.raw`'my $(id) kit'\''s.tar'`).length, odd.split('my $(id) kit').length)
  assert.match(odd, /^tar -xf 'my /m)
  assert.match(formatReadme({ ...facts, name: '-C.tar' }), /^tar -xf \.\/-C\.tar$/m)
})

test('an installer that cannot download from a site leaves only the way by hand', () => {
  const old = formatReadme({ ...facts, installsFromSite: false })
  assert.ok(!old.includes('INSTALL_K3S_ARTIFACT_URL'))
  assert.match(old, /^sudo INSTALL_K3S_SKIP_DOWNLOAD=true sh \.\/install\.sh$/m)
})
