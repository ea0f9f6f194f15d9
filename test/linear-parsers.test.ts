import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBundleRecord } from '../src/bundle/bundle-record.ts'
import { parseSavedImages } from '../src/bundle/docker-save.ts'
import { plainPath } from '../src/bundle/scan-tar.ts'
import { formatAccess } from '../src/cli/files/access-log.ts'
import { parseDuration, parseSize } from '../src/cli/options/values.ts'
import { formatErrorLine } from '../src/cli/output/error-text.ts'
import { groupFailures } from '../src/cli/output/failures.ts'
import { withFlags } from '../src/cli/output/flags.ts'
import { findEngineAddress } from '../src/engine/engine-address.ts'
import { engineRefusal, saysGone } from '../src/engine/engine-error.ts'
import { parseHeldImages } from '../src/engine/engine.ts'
import { MirrorError } from '../src/errors.ts'
import { isForbiddenHost, isLoopback } from '../src/http/address.ts'
import { parseRetryAfter, ResponseHeaders } from '../src/http/message.ts'
import { proxyFor } from '../src/http/proxy.ts'
import { parseResponseHead } from '../src/http/response-parser.ts'
import { kindOf, nameOf, parseGivenName } from '../src/layout/entry-name.ts'
import { looksLikeLock } from '../src/lock/lock.ts'
import { parseLock } from '../src/lock/parse-lock.ts'
import { decodeAuthField } from '../src/oci/auth-field.ts'
import { platformOf } from '../src/oci/config-platform.ts'
import { parseChunkRange, parseContentRange } from '../src/oci/content-range.ts'
import { isDigest } from '../src/oci/digest.ts'
import { parseLayoutIndex, parseManifest, parseSubject } from '../src/oci/manifest.ts'
import { editDistance } from '../src/oci/nearest.ts'
import { parsePlatform } from '../src/oci/platform.ts'
import { isRegistry, isRepositoryPath, isTag, looksLikeHostPort, parseReference } from '../src/oci/reference.ts'
import { goQuote } from '../src/registries-yaml/go/go-quote.ts'
import { parseGoRegexp } from '../src/registries-yaml/go/go-regexp.ts'
import { parseGoUrl } from '../src/registries-yaml/go/go-url.ts'
import { isLocalhost, tryNormaliseEndpoint } from '../src/registries-yaml/hosts/normalise-endpoint.ts'
import { keyFault, meantKey } from '../src/registries-yaml/lint/key-fault.ts'
import { replacementFaults } from '../src/registries-yaml/lint/replacement-groups.ts'
import { samplePattern } from '../src/registries-yaml/lint/sample-pattern.ts'
import { readTomlKey, readTomlText } from '../src/registries-yaml/lint/toml-text.ts'
import { parseYaml } from '../src/registries-yaml/read/yaml-document.ts'
import { readScalar } from '../src/registries-yaml/read/yaml-scalar.ts'
import { layOut } from '../src/registries-yaml/render/lay-out.ts'
import { rewriteEffect } from '../src/registries-yaml/render/prefix-rewrite.ts'
import { isGenerated, withoutUserinfo } from '../src/registries-yaml/render/rendered.ts'
import { unreadableToml } from '../src/registries-yaml/render/unreadable-toml.ts'
import { readHostsToml } from '../src/registries-yaml/resolve/read-hosts-toml.ts'
import { decodeAuth } from '../src/registries-yaml/resolve/resolve-credentials.ts'
import { nearestKey, rightParent } from '../src/registries-yaml/rules/unknown-key.ts'
import { shown } from '../src/registries-yaml/shown-text.ts'
import { parseByteRange } from '../src/registry-server/blobs.ts'
import { escapeHtml } from '../src/registry-server/html.ts'
import { parseHtpasswd } from '../src/registry-server/htpasswd.ts'
import { isUnchanged } from '../src/registry-server/manifests.ts'
import { findRoute } from '../src/registry-server/route.ts'
import { parseChallenges } from '../src/registry/auth/challenge.ts'
import { parseAuthConfig } from '../src/registry/auth/docker-config.ts'
import { parseScopes } from '../src/registry/auth/scope.ts'
import { parseEndpoint } from '../src/registry/endpoint.ts'
import { parseErrorBody } from '../src/registry/error-reason.ts'
import { parseNextLink } from '../src/registry/pages.ts'
import { parseRateLimit } from '../src/registry/rate-limit.ts'
import { parseChecksumFile } from '../src/release/fetch-release-list.ts'
import { compileGlob } from '../src/release/image-filter.ts'
import { parseImageList } from '../src/release/image-list.ts'
import { decodeList } from '../src/release/list-text.ts'
import { releaseFileUrl } from '../src/release/release-files.ts'
import { parseReleaseName } from '../src/release/version.ts'
import { foreignText, printable, quoted, safeLine, withoutImage } from '../src/text/printable.ts'
import { redactUrl, redactUserinfo } from '../src/text/redact.ts'
import { reasonOf } from '../src/verify/checked-endpoint.ts'
import { readExpectedDigests } from '../src/verify/expected-digest.ts'
import { processorTime } from './servers/processor-time.ts'

type Parse = (text: string) => unknown

const header = (name: string, text: string): ResponseHeaders => new ResponseHeaders(new Map([[name, [text]]]))

const asked = { method: 'GET', status: 200, remoteAddress: '::1', bytes: 0, received: 0, milliseconds: 1 }

/** What reads text that others wrote, each with beginnings that lead further into it. */
const parsers: Readonly<Record<string, readonly [parse: Parse, ...beginnings: readonly string[]]>> = {
  'auth field': [decodeAuthField],
  'auth of registries.yaml': [decodeAuth],
  'bundle record': [(text) => parseBundleRecord(Buffer.from(text)), '{"schemaVersion":1,"lists":[],"images":[{"reference":"'],
  challenges: [(text) => parseChallenges([text]), 'Bearer realm="', 'Basic realm=', 'Bearer a=b,'],
  'checksum file': [(text) => parseChecksumFile(text, 'sums')],
  'config of an image': [(text) => platformOf(Buffer.from(text)), '{"os":"'],
  'Content-Range': [parseContentRange, 'bytes ', 'bytes 1-'],
  digest: [isDigest, 'sha256:'],
  "Docker's configuration": [(text) => parseAuthConfig(text), '{"auths":{"'],
  'docker save list': [(text) => parseSavedImages(Buffer.from(text), 'x.tar'), '[{"Config":"'],
  'edit distance': [(text) => editDistance(text, 'latest')],
  endpoint: [parseEndpoint, 'https://', 'a/'],
  'endpoint of registries.yaml': [(text) => tryNormaliseEndpoint(text), 'https://', 'https://a/'],
  'Engine address': [(text) => findEngineAddress({ dockerHost: text }), 'ssh://', 'tcp://a:'],
  'Engine images': [(text) => parseHeldImages([{ RepoTags: [text], RepoDigests: [text] }])],
  'Engine refusal': [(text) => engineRefusal(text, ['pull', 'x'], 'source'), 'manifest for ', 'repository ', 'content digest '],
  'Engine says that something is gone': [saysGone, 'content digest '],
  'entry kind': [(text) => kindOf({ kind: text }), 'dev.hauler/'],
  'entry name': [(text) => nameOf({ 'org.opencontainers.image.ref.name': text }), 'sha256:', 'import-2024-05-01@', 'a/b:'],
  'error body': [(text) => parseErrorBody(Buffer.from(text)), '<html><title>', '{"errors":[{"message":"'],
  'error line': [(text) => formatErrorLine({ code: 'PROTOCOL', message: text })],
  'expected digests': [(text) => readExpectedDigests(text, 'lock'), '{"images":[{"reference":"'],
  'failure groups': [(text) => groupFailures([{ source: 'docker.io/a/b:1', error: { code: 'PROTOCOL', message: text } as never }])],
  'given name': [parseGivenName],
  glob: [(text) => compileGlob(text)],
  'Go regular expression': [(text) => parseGoRegexp(text), '[', '\\Q'],
  'Go quote': [goQuote],
  'Go URL': [parseGoUrl, 'https://', 'https://[', 'https://a/'],
  'hosts.toml': [readHostsToml, 'server = "', '[host."'],
  'host of a URL': [(text) => [isLoopback(text), isForbiddenHost(text)]],
  'host of an endpoint': [isLocalhost],
  'host:port': [looksLikeHostPort],
  html: [escapeHtml],
  htpasswd: [parseHtpasswd, 'u:'],
  'If-None-Match': [(text) => isUnchanged(text, '"x"')],
  'image list': [(text) => parseImageList(text, 'list'), 'a/b:', '#'],
  'index.json': [(text) => parseLayoutIndex(Buffer.from(text)), '{"manifests":[{"digest":"'],
  'key of registries.yaml': [
    (text) => [keyFault(text, 'mirrors'), meantKey(text, 'mirrors'), nearestKey(text, ['mirrors', 'configs']), rightParent(text)],
    'https://',
  ],
  'laid-out file': [layOut],
  'lock file': [(text) => [looksLikeLock(text), parseLock(text.slice(0, 2048), 'lock')], 'images:\n  - reference: '],
  'line for a terminal': [safeLine],
  'list bytes': [(text) => decodeList(Buffer.from(text), 'list')],
  manifest: [(text) => [parseManifest(Buffer.from(text)), parseSubject(Buffer.from(text))], '{"mediaType":"'],
  'next link': [(text) => parseNextLink([text]), '<', '<a>; rel="', '<a>;'],
  'path in a tar': [plainPath],
  pattern: [
    (text) => [samplePattern(text, ['a']), replacementFaults(parseGoRegexp('(a)'), text), rewriteEffect(new Map([[text, 'a/$1']]))],
    '^',
    '\\Q',
    '$',
    '${',
  ],
  platform: [parsePlatform, 'linux/'],
  'printable text': [printable],
  'text of others': [foreignText],
  'text of others without an image': [(text) => withoutImage(text, 'a/b'), 'a/b:', 'sha256:'],
  'text with flags': [withFlags, 'options.'],
  'URL in a message': [(text) => redactUrl(new URL(`http://a/?${text}`)), 'a&', '&a=%20'],
  'line of an access log': [(text) => formatAccess({ ...asked, url: `/v2/?${text}`, userAgent: text }, new Date(0))],
  'Range of a server': [(text) => parseByteRange(text, 10), 'bytes=', 'bytes= '],
  'Content-Range of a server': [(text) => parseChunkRange(text), '0-'],
  'proxy exemptions': [(text) => proxyFor(new URL('http://a.example'), { HTTP_PROXY: 'http://proxy', NO_PROXY: text }), 'a,'],
  quoted: [quoted],
  'rate limit': [(text) => parseRateLimit(header('ratelimit-limit', text)), '100;w='],
  'reason at an endpoint': [(text) => reasonOf(new MirrorError('PROTOCOL', text), 'https://a'), 'cannot look up '],
  reference: [parseReference, 'a/b:', 'a@', 'a/b@sha256:'],
  'redacted text': [(text) => redactUserinfo(text.slice(0, 2048)), 'a://'],
  registry: [isRegistry, '['],
  'release file URL': [(text) => releaseFileUrl(`https://a/${text}`, 'v1', 'x')],
  'release name': [parseReleaseName, 'v1.', 'v1.30.0+k3s'],
  'rendered file': [(text) => isGenerated(text), '# '],
  'rendered TOML': [(text) => unreadableToml(text, 2), '["', 'a = "'],
  'repository path': [isRepositoryPath],
  'response head': [(text) => parseResponseHead(text), 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\na: '],
  'Retry-After': [(text) => parseRetryAfter(text), 'Mon, '],
  route: [findRoute, '/v2/', '/v2/a/manifests/'],
  scopes: [parseScopes, 'repository:'],
  'shown text': [(text) => [shown(text), withoutUserinfo(text)], 'a://'],
  size: [parseSize],
  age: [parseDuration],
  tag: [isTag],
  TOML: [(text) => [readTomlKey(`"${text}"`), readTomlText(`"${text}"`)]],
  'YAML scalar': [
    (text) => [readScalar({ text, isPlain: true, tag: undefined }), readScalar({ text, isPlain: true, tag: 'tag:yaml.org,2002:binary' })],
  ],
}

const units = [
  ...Array.from('a0A/. \t-_@:[](){}<>"\'\\,;=%$#*?|+!&~^`é\n\0'),
  'a/',
  'a.',
  'a:',
  ':a',
  'a@',
  'a=',
  'a-',
  '0.',
  '::',
  '://',
  'a://',
  '\\"',
  '\\\\',
  '$1',
  '${',
  '<a>',
  'a=",',
  '[[:',
  '\r\n',
  '%2',
  'a b',
  'not found ',
  '/a@',
  '-----BEGIN ',
  'sha256:',
]
/** A regular expression that is quadratic takes many seconds for as many, and one that is linear a few milliseconds. */
const bytes = 100_000

/** Milliseconds of the processor that a parser takes; any answer and any refusal will do, but not the end of the stack. */
async function timeOf(parse: Parse, text: string): Promise<number> {
  return processorTime(async () => {
    try {
      await parse(text)
    } catch (error) {
      if (error instanceof RangeError) throw error
    }
  })
}

const most = 2000

for (const [name, [parse, ...beginnings]] of Object.entries(parsers)) {
  test(`${name}: reads any repeated text in linear time`, async () => {
    for (const beginning of ['', ...beginnings]) {
      for (const unit of units) {
        const took = await timeOf(parse, `${beginning}${unit.repeat(bytes / unit.length)}\x01`)
        assert.ok(took < most, `${JSON.stringify(beginning)} and ${JSON.stringify(unit)} repeated took ${Math.round(took)} ms`)
      }
    }
  })
}

test('YAML: reads any repeated text in linear time', async () => {
  for (const unit of [...units, '- ', '? ', 'a: b\n', '&a *a ', '- a\n', '{a: ', '"\\', '---\n', '!a ']) {
    const [short, long] = [20_000, 80_000].map((size) => unit.repeat(size / unit.length)) as [string, string]
    const before = await timeOf(parseYaml, short)
    const took = await timeOf(parseYaml, long)
    assert.ok(took < 10 * before + 500, `${JSON.stringify(unit)} repeated took ${Math.round(before)} and ${Math.round(took)} ms`)
  }
})
