import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDiff } from '../../../src/cli/output/diff-table.ts'
import { stylesFor } from '../../../src/cli/output/styles.ts'
import { diffSample, renamedSample, sameSample } from './diff-sample.ts'

const styles = stylesFor({}, {})

test('prints each image that differs, then warnings, failures, totals and pulls', () => {
  assert.equal(
    formatDiff(diffSample, { styles }),
    `A: v1.36.3+k3s1 (release, 5 images)
B: stable (release v1.37.1+k3s1, 5 images)
CHANGE    IMAGE                                 A             B             TO COPY   SIZE
added     docker.io/rancher/new                 -             v1               3 kB   3 kB
removed   docker.io/rancher/old                 v1            -                   -      -
retagged  docker.io/rancher/klipper-lb          v0.4.16       v0.4.17        1.5 kB   9 kB
changed   docker.io/rancher/mirrored-pause:3.6  333333333333  444444444444    700 B  700 B
unknown   docker.io/rancher/gone:v1             v1            v1                  -      -

warning: --include "x" matches no image
FAILED docker.io/rancher/gone:v1 not found: the source has no tag v1 (NOT_FOUND)
6 images: 1 added, 1 removed, 1 retagged, 1 changed, 1 unchanged, 1 not compared
to copy: at least 4 blobs, 5.2 kB; shared with A: 7.5 kB
Docker Hub counts 6 pulls for the mirror; this comparison used 9
docker.io allows 100 pulls in 6h, 76 left
`,
  )
})

test('prints unchanged images and platforms with verbose, and fits a terminal otherwise', () => {
  const verbose = formatDiff(diffSample, { styles, verbose: true })
  assert.match(verbose, /^unchanged +docker\.io\/rancher\/same:v1 /m)
  assert.match(verbose, /9 kB  linux\/amd64,linux\/arm64$/m)
  const narrow = formatDiff(diffSample, { styles: { ...styles, width: 72 } }).split('\n')
  assert.ok(narrow.slice(2, 8).every((line) => line.length <= 72))
})

test('prints one line where nothing differs, and no sizes where only names were compared', () => {
  assert.match(formatDiff(sameSample, { styles }), /^B: .*\nno differences: 1 image\n$/m)
  const images = diffSample.images.map(({ blobs: _blobs, bytes: _bytes, ...image }) => image)
  const unknown = { blobs: null, bytes: null, sharedBytes: null, dockerHubPulls: null }
  const names = formatDiff({ ...diffSample, images, totals: { ...diffSample.totals, ...unknown } }, { styles })
  assert.doesNotMatch(names, /TO COPY|to copy|Docker Hub/)
})

test('prints a renamed image in one line, with its former name and what is the same', () => {
  const lines = formatDiff(renamedSample, { styles }).split('\n')
  assert.deepEqual(lines.slice(3, 8), [
    'renamed  ghcr.io/k3s-io/klipper-lb:v1  docker.io/rancher/klipper-lb  same bytes    700 B  3 kB',
    'renamed  ghcr.io/k3s-io/pause:3.10     docker.io/rancher/pause:3.9   same bytes        -     -',
    'renamed  ghcr.io/k3s-io/old:v1         docker.io/rancher/old         same name         -     -',
    '',
    '3 images: 3 renamed',
  ])
})

test('leaves the reason to standard error where a side cannot be used', () => {
  const error = { code: 'UNREACHABLE', message: 'cannot reach r.example' } as const
  assert.equal(
    formatDiff({ ...diffSample, error }, { styles }),
    '6 images: 1 added, 1 removed, 1 retagged, 1 changed, 1 unchanged, 1 not compared\n',
  )
})
