import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stylesFor } from '../../../src/cli/output/styles.ts'
import { formatVerification } from '../../../src/cli/output/verify-table.ts'
import { hostile, incomplete, reportOver, whole } from './verify-sample.ts'

const styles = stylesFor({}, {})

test('a node: a line an image with who serves it, the problem, the endpoint that failed, and the sums', () => {
  assert.equal(
    formatVerification(reportOver([whole, incomplete], { warnings: ['mind the gap'] }), { styles }),
    `IMAGE                                    STATUS      MANIFESTS  BLOBS     SIZE  SERVED BY                  PLATFORMS
docker.io/rancher/klipper-lb:v0.4.17     ok                  3      8  12.3 MB  https://r.example:5000/v2  linux/amd64,linux/arm64
docker.io/rancher/mirrored-pause:3.10.2  incomplete          3      8  12.3 MB  https://r.example:5000/v2  linux/amd64,linux/arm64

problem: docker.io/rancher/mirrored-pause:3.10.2: layer sha256:2 is missing: https://r.example:5000/v2/x: not found (NOT_FOUND)
warning: mind the gap
note: 1 image not from http://old.example/v2: the connection was refused
2 images: 1 ok, 1 incomplete, as a node with /etc/rancher/k3s/registries.yaml
6 manifests and 16 blobs (24.6 MB) found, in 1.2s with 40 requests
`,
  )
})

test('a destination has no column for who serves it; deep says so; verbose adds digest and destination', () => {
  const report = reportOver([{ ...whole, destination: 'r.example/m/x:1', endpoints: [] }], {
    asNode: false,
    destination: 'r.example/m',
    registries: null,
    deep: true,
  })
  const text = formatVerification(report, { styles })
  assert.doesNotMatch(text, /SERVED BY|DIGEST/)
  assert.match(text, /^1 image: 1 ok, at r\.example\/m\n6 manifests and 16 blobs \(24\.6 MB\) read and hashed, /m)
  assert.match(
    formatVerification(report, { styles, verbose: true }),
    /SIZE +DIGEST +DESTINATION +PLATFORMS\n.* sha256:1{64}  r\.example\/m\/x:1 /,
  )
})

test('of many problems of one image the first are shown', () => {
  const [problem] = incomplete.problems
  assert.ok(problem)
  const text = formatVerification(reportOver([{ ...incomplete, problems: Array.from({ length: 23 }, () => problem) }]), { styles })
  assert.equal(text.match(/^problem: /gm)?.length, 20)
  assert.match(text, /^ {2}and 3 more of this image, in the JSON report$/m)
})

test('what a registry says cannot move the cursor or make a line', () => {
  const text = formatVerification(reportOver([{ ...incomplete, problems: [{ code: 'PROTOCOL', message: hostile }] }]), { styles })
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f]/)
  assert.equal(text.split('\n').length, 7)
})
