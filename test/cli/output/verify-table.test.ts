import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stylesFor } from '../../../src/cli/output/styles.ts'
import { formatVerification } from '../../../src/cli/output/verify-table.ts'
import { hostile, incomplete, reportOver, whole } from './verify-sample.ts'

const styles = stylesFor({}, {})

test('prints each image with the endpoint that serves it, then problems, failed endpoints and totals', () => {
  assert.equal(
    formatVerification(reportOver([whole, incomplete], { warnings: ['mind the gap'] }), { styles }),
    `IMAGE                                    STATUS      MANIFESTS  BLOBS     SIZE  SERVED BY                  PLATFORMS
docker.io/rancher/klipper-lb:v0.4.17     ok                  3      8  12.3 MB  https://r.example:5000/v2  linux/amd64,linux/arm64
docker.io/rancher/mirrored-pause:3.10.2  incomplete          3      8  12.3 MB  https://r.example:5000/v2  linux/amd64,linux/arm64

problem: docker.io/rancher/mirrored-pause:3.10.2: layer sha256:2 is missing: https://r.example:5000/v2/x: not found (NOT_FOUND)
warning: mind the gap
note: another endpoint served 1 image instead of http://old.example/v2: the connection was refused
2 images: 1 ok, 1 incomplete, as a node with /etc/rancher/k3s/registries.yaml
found 6 manifests and 16 blobs (24.6 MB) in 1.2s with 40 requests
`,
  )
})

test('omits the endpoint for a destination; verbose adds digest and destination', () => {
  const report = reportOver([{ ...whole, destination: 'r.example/m/x:1', endpoints: [] }], {
    asNode: false,
    destination: 'r.example/m',
    registries: null,
    deep: true,
  })
  const text = formatVerification(report, { styles })
  assert.doesNotMatch(text, /SERVED BY|DIGEST/)
  assert.match(text, /^1 image: 1 ok, at r\.example\/m\nread and hashed 6 manifests and 16 blobs \(24\.6 MB\) in /m)
  assert.match(
    formatVerification(report, { styles, verbose: true }),
    /SIZE +DIGEST +DESTINATION +PLATFORMS\n.* sha256:1{64}  r\.example\/m\/x:1 /,
  )
})

test('prints the first problems of an image with many', () => {
  const [problem] = incomplete.problems
  assert.ok(problem)
  const text = formatVerification(reportOver([{ ...incomplete, problems: Array.from({ length: 23 }, () => problem) }]), { styles })
  assert.equal(text.match(/^problem: /gm)?.length, 20)
  assert.match(text, /^ {2}and 3 more of this image: --output json lists them all$/m)
})

test('escapes control characters in texts of a registry', () => {
  const text = formatVerification(reportOver([{ ...incomplete, problems: [{ code: 'PROTOCOL', message: hostile }] }]), { styles })
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f]/)
  assert.equal(text.split('\n').length, 7)
})
