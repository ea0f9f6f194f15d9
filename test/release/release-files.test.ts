import assert from 'node:assert/strict'
import { test } from 'node:test'
import { channelUrlOf, defaultArtifactUrl, releaseApiUrlOf, releaseFileUrl } from '../../src/release/release-files.ts'

test('the plus of a tag is %2B, with and without a slash at the end of the artifact URL', () => {
  const url = 'http://127.0.0.1:8080/k3s/v1.37.1%2Bk3s1/k3s-images.txt'
  assert.equal(releaseFileUrl('http://127.0.0.1:8080/k3s', 'v1.37.1+k3s1', 'k3s-images.txt').href, url)
  assert.equal(releaseFileUrl('http://127.0.0.1:8080/k3s//', 'v1.37.1+k3s1', 'k3s-images.txt').href, url)
  assert.equal(releaseFileUrl('http://127.0.0.1:8080', 'v1.0.1', 'x').href, 'http://127.0.0.1:8080/v1.0.1/x')
  assert.equal(
    releaseFileUrl(defaultArtifactUrl, 'v1.37.1+k3s1', 'k3s-images.txt').href,
    'https://github.com/k3s-io/k3s/releases/download/v1.37.1%2Bk3s1/k3s-images.txt',
  )
})

test('the release API is asked only about files that come from GitHub, unless it is named', () => {
  const api = 'https://api.github.com/repos/k3s-io/k3s/releases/tags/v1.37.1%2Bk3s1'
  assert.equal(releaseApiUrlOf(defaultArtifactUrl, 'v1.37.1+k3s1')?.href, api)
  assert.equal(releaseApiUrlOf(`${defaultArtifactUrl}/`, 'v1.37.1+k3s1')?.href, api)
  assert.equal(releaseApiUrlOf('https://mirror.example.com/k3s', 'v1.37.1+k3s1'), undefined)
  assert.equal(releaseApiUrlOf('https://mirror.example.com/k3s', 'v1.0.1', 'http://h/api')?.href, 'http://h/api/tags/v1.0.1')
})

test('refused: no URL, another scheme, credentials, a query; a password is not repeated', () => {
  for (const url of ['mirror.example.com/k3s', 'ftp://h/k3s', 'file:///k3s', 'https://h/k3s?x=1', 'https://h/k3s#x', 'https://']) {
    assert.throws(() => releaseFileUrl(url, 'v1.0.1', 'x'), { code: 'USAGE', message: /the artifact URL/ }, url)
  }
  assert.throws(
    () => channelUrlOf('https://user:canary@h/channels'),
    (error: Error) => !`${error.message} ${String(error)}`.includes('canary') && /user name or password/.test(error.message),
  )
})
