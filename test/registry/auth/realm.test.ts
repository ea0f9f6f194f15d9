import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MirrorError } from '../../../src/errors.ts'
import { tokenEndpoint } from '../../../src/registry/auth/realm.ts'

const judge = (origin: string, realm: string, tokenHosts: readonly string[] = []) =>
  tokenEndpoint(realm, { origin, base: new URL('/v2/a/manifests/1', origin), tokenHosts })
const trusts = (origin: string, realm: string, tokenHosts?: readonly string[]): boolean => judge(origin, realm, tokenHosts).trusted

test('trusts the registry, its own domain and the listed hosts with credentials', () => {
  const registry = 'https://registry.example.com'
  assert.equal(trusts(registry, 'https://registry.example.com/token'), true)
  assert.equal(trusts(registry, 'https://registry.example.com:8443/token'), true)
  assert.equal(trusts(registry, 'https://auth.example.com/token'), true)
  assert.equal(trusts(registry, 'https://EXAMPLE.com./token'), true)
  assert.equal(trusts('https://registry-1.docker.io', 'https://auth.docker.io/token'), true)
  assert.equal(trusts('https://registry.hub.docker.com', 'https://auth.docker.io/token'), true)
  assert.equal(trusts('http://127.0.0.1:5000', 'http://127.0.0.1:6000/token'), true)
  assert.equal(trusts(registry, 'https://auth.example.net/token', ['auth.example.net']), true)
  assert.equal(trusts(registry, 'https://auth.example.net:8443/token', ['auth.example.net:8443']), true)
})

test('trusts no other host with credentials', () => {
  const registry = 'https://registry.example.com'
  assert.equal(trusts(registry, 'https://auth.example.net/token'), false)
  assert.equal(trusts(registry, 'https://auth.example.net:9/token', ['auth.example.net:8443']), false)
  assert.equal(trusts(registry, 'https://registry.example.com.evil.net/token'), false)
  assert.equal(trusts('https://a.co.uk', 'https://b.co.uk/token'), false)
  assert.equal(trusts('https://a.github.io', 'https://b.github.io/token'), false)
  assert.equal(trusts('https://1.dkr.ecr.eu-west-1.amazonaws.com', 'https://evil.s3.amazonaws.com/token'), false)
  assert.equal(trusts('https://8.8.8.8', 'https://8.8.4.4/token'), false)
  assert.equal(trusts('http://localhost:5000', 'http://127.0.0.1:5000/token'), false)
  assert.equal(trusts('https://registry', 'https://auth/token'), false)
})

test('trusts the token servers of well-known registries', () => {
  for (const [registry, realm] of [
    ['https://registry-1.docker.io', 'https://auth.docker.io/token'],
    ['https://registry.gitlab.com', 'https://gitlab.com/jwt/auth'],
    ['https://quay.io', 'https://quay.io/v2/auth'],
    ['https://ghcr.io', 'https://ghcr.io/token'],
    ['https://europe-docker.pkg.dev', 'https://europe-docker.pkg.dev/v2/token'],
    ['https://acme.azurecr.io', 'https://acme.azurecr.io/oauth2/token'],
    ['https://registry.digitalocean.com', 'https://api.digitalocean.com/v2/registry/auth'],
    ['https://registry.cn-hangzhou.aliyuncs.com', 'https://dockerauth.cn-hangzhou.aliyuncs.com/auth'],
    ['https://acme-registry.cn-beijing.cr.aliyuncs.com', 'https://dockerauth-ee.cn-beijing.aliyuncs.com/auth'],
    // GitLab's own default, docker_auth, and Harbor behind a router that moves its port
    ['https://gitlab.example.com:5050', 'https://gitlab.example.com/jwt/auth'],
    ['http://gitlab.lan:5050', 'http://gitlab.lan/jwt/auth'],
    ['https://registry.example.com:5000', 'https://registry.example.com:5001/auth'],
    ['https://harbor.example.com:8443', 'https://harbor.example.com/service/token'],
    ['https://harbor.example.com', 'https://harbor.example.com:8443/service/token'],
    ['http://10.1.2.3:5000', 'http://10.1.2.3:5001/auth'],
    ['https://registry.company.lan', 'https://gitlab.company.lan/jwt/auth'],
    ['https://registry.tail1234.ts.net', 'https://auth.tail1234.ts.net/token'],
    ['http://registry.harbor.svc.cluster.local:5000', 'http://core.harbor.svc.cluster.local/service/token'],
    ['http://registry.harbor.svc:5000', 'http://core.harbor.svc/service/token'],
    [
      'https://image-registry.openshift-image-registry.svc:5000',
      'https://image-registry.openshift-image-registry.svc:5000/openshift/token',
    ],
  ] as const) {
    assert.equal(trusts(registry, realm), true, `${registry} ${realm}`)
  }
})

test('does not trust other customers of a provider, other namespaces of a cluster or wildcard DNS names', () => {
  for (const [registry, realm] of [
    ['https://acme.azurecr.io', 'https://evil.azurecr.io/oauth2/token'],
    ['https://acme.westeurope.cloudapp.azure.com', 'https://evil.westeurope.cloudapp.azure.com/token'],
    ['https://acme.jfrog.io', 'https://evil.jfrog.io/token'],
    ['https://1.dkr.ecr.eu-west-1.amazonaws.com', 'https://2.dkr.ecr.eu-west-1.amazonaws.com/token'],
    ['https://registry.cn-hangzhou.aliyuncs.com', 'https://evil.oss-cn-hangzhou.aliyuncs.com/auth'],
    ['https://registry.cn-hangzhou.aliyuncs.com', 'http://dockerauth.cn-hangzhou.aliyuncs.com/auth'],
    ['https://evil.example.com', 'https://dockerauth.cn-hangzhou.aliyuncs.com/auth'],
    ['https://registry.10.0.0.1.nip.io', 'https://evil.203.0.113.7.nip.io/token'],
    ['http://registry.a.svc.cluster.local:5000', 'http://auth.b.svc.cluster.local/token'],
    ['http://registry.a.svc:5000', 'http://auth.b.svc/token'],
    ['http://registry.a.svc.k8s.example.com', 'http://auth.b.svc.k8s.example.com/token'],
    ['http://registry.a', 'http://auth.b/token'],
    ['http://registry', 'http://auth/token'],
    ['http://registry.lan', 'http://auth.lan/token'],
  ] as const) {
    if (registry.startsWith('https:') && realm.startsWith('http:')) assert.throws(() => judge(registry, realm), { code: 'REFUSED_ADDRESS' })
    else assert.equal(trusts(registry, realm), false, `${registry} ${realm}`)
    if (!realm.startsWith('http:')) assert.equal(trusts(registry, realm, [new URL(realm).hostname]), true, realm)
  }
})

test('resolves a realm relative to the request, and keeps its query', () => {
  assert.equal(judge('https://r.example.com', '/service/token?a=%2F~').url.href, 'https://r.example.com/service/token?a=%2F~')
  assert.equal(judge('https://r.example.com', '//auth.example.com/t#x').url.href, 'https://auth.example.com/t')
})

// G113
test('rejects a realm that is unsafe to request', () => {
  const cases: readonly (readonly [origin: string, realm: string, why: RegExp])[] = [
    ['https://r.example.com', 'http://r.example.com/token', /plain HTTP/],
    ['https://r.example.com', 'null://r.example.com/v2/token', /neither https nor http/],
    ['https://r.example.com', 'file:///etc/passwd', /neither/],
    ['https://r.example.com', 'javascript:alert(1)', /neither/],
    ['https://r.example.com', 'https://', /not a URL/],
    ['https://r.example.com', 'https://user:s3cret@r.example.com/token', /user name/],
    ['https://r.example.com', 'https://10.1.2.3/token', /private/],
    ['https://r.example.com', 'https://[::ffff:10.1.2.3]/token', /private/],
    ['https://r.example.com', 'https://0x7f.1/token', /loopback/],
    ['https://r.example.com', 'https://localhost/token', /loopback/],
    ['http://127.0.0.1:5000', 'http://169.254.169.254/latest/meta-data/', /link-local/],
    ['http://169.254.169.254', 'http://169.254.169.254/token', /link-local/],
    ['http://10.0.0.1', 'http://0.0.0.0/token', /unspecified/],
    ['http://r.example.com', 'http://metadata.google.internal/token', /metadata/],
  ]
  for (const [origin, realm, why] of cases) {
    assert.throws(
      () => judge(origin, realm),
      (error) =>
        error instanceof MirrorError && error.code === 'REFUSED_ADDRESS' && why.test(error.message) && !error.message.includes('s3cret'),
      realm,
    )
  }
})

test('allows only the private network for a listed host', () => {
  assert.equal(judge('https://r.example.com', 'https://10.1.2.3/token', ['10.1.2.3']).trusted, true)
  assert.throws(() => judge('https://r.example.com', 'https://169.254.169.254/token', ['169.254.169.254']), { code: 'REFUSED_ADDRESS' })
  assert.throws(() => judge('https://r.example.com', 'http://10.1.2.3/token', ['10.1.2.3']), { code: 'REFUSED_ADDRESS' })
})
