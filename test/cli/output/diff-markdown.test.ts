import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDiffMarkdown } from '../../../src/cli/output/diff-markdown.ts'
import { diffSample, renamedSample, sameSample } from './diff-sample.ts'

test('writes a summary, a table of the changes, failures, and collapsed details', () => {
  const lines = formatDiffMarkdown(diffSample).split('\n')
  assert.deepEqual(lines.slice(0, 11), [
    '## Images: 1 added, 1 removed, 1 retagged, 1 changed, 1 unchanged, 1 not compared',
    '',
    '`v1.36.3+k3s1 (release, 5 images)` → `stable (release v1.37.1+k3s1, 5 images)`',
    '',
    '| Change | Image | A | B | To copy |',
    '| :- | :- | :- | :- | -: |',
    '| added | `docker.io/rancher/new` | - | `v1` | 3 kB |',
    '| removed | `docker.io/rancher/old` | `v1` | - | - |',
    '| retagged | `docker.io/rancher/klipper-lb` | `v0.4.16` | `v0.4.17` | 1.5 kB |',
    '| changed | `docker.io/rancher/mirrored-pause:3.6` | `333333333333` | `444444444444` | 700 B |',
    '| **unknown** | `docker.io/rancher/gone:v1` | `v1` | `v1` | - |',
  ])
  const text = lines.join('\n')
  assert.match(text, /^To copy: at least 4 blobs, 5\.2 kB; shared with A: 7\.5 kB\. Docker Hub counts 6 pulls for the mirror; /m)
  assert.match(text, /^### Failures\n\n- `docker\.io\/rancher\/gone:v1 not found: .*\(NOT_FOUND\)`\n {2}- `docker\.io\/rancher\/gone:v1`$/m)
  assert.match(text, /^- `--include "x" matches no image`$/m)
  assert.match(text, /<summary>Digests and platforms<\/summary>\n\n\| Image /)
  assert.equal(text.match(/<details>/g)?.length, text.match(/<\/details>/g)?.length)
})

test('writes a renamed image in one row', () => {
  const text = formatDiffMarkdown(renamedSample)
  assert.match(text, /^## Images: 3 renamed$/m)
  assert.match(text, /^\| renamed \| `ghcr\.io\/k3s-io\/klipper-lb:v1` \| `docker\.io\/rancher\/klipper-lb` \| same bytes \| 700 B \|$/m)
  assert.match(text, /\| same name \| - \|$/m)
})

test('writes no table where nothing differs', () => {
  const text = formatDiffMarkdown(sameSample)
  assert.match(text, /^## Images: no differences$/m)
  assert.doesNotMatch(text, /\|/)
  assert.match(text, /<summary>1 unchanged image<\/summary>\n\n- `docker\.io\/rancher\/same:v1`/)
})
