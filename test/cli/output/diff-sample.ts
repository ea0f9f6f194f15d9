import type { DiffReport } from '../../../src/report/diff-report.ts'
import { reportHead } from '../../../src/report/report-head.ts'

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`
const image = (name: string): string => `docker.io/rancher/${name}`

/** A comparison with an image of every state. */
export const diffSample: DiffReport = {
  ...reportHead('2026-01-02T03:04:05.000Z', '2026-01-02T03:04:06.500Z'),
  command: 'diff',
  a: {
    given: 'v1.36.3+k3s1',
    kind: 'release',
    images: 5,
    lists: [{ name: 'v1.36.3+k3s1', sha256: '0'.repeat(64), coverage: 'none', release: 'v1.36.3+k3s1', images: 5 }],
  },
  b: {
    given: 'stable',
    kind: 'release',
    images: 5,
    lists: [{ name: 'v1.37.1+k3s1', sha256: '1'.repeat(64), coverage: 'none', release: 'v1.37.1+k3s1', images: 5 }],
  },
  images: [
    {
      state: 'added',
      a: null,
      b: { reference: image('new:v1'), digest: digest('1'), platforms: ['linux/amd64'] },
      blobs: { total: 2, copied: 2 },
      bytes: { total: 3000, copied: 3000 },
      dockerHubPulls: 2,
    },
    { state: 'removed', a: { reference: image('old:v1') }, b: null },
    {
      state: 'retagged',
      a: { reference: image('klipper-lb:v0.4.16') },
      b: { reference: image('klipper-lb:v0.4.17'), digest: digest('2'), platforms: ['linux/amd64', 'linux/arm64'] },
      blobs: { total: 3, copied: 1 },
      bytes: { total: 9000, copied: 1500 },
      dockerHubPulls: 3,
    },
    {
      state: 'changed',
      a: { reference: image('mirrored-pause:3.6'), digest: digest('3') },
      b: { reference: image('mirrored-pause:3.6'), digest: digest('4'), platforms: ['linux/amd64'] },
      blobs: { total: 1, copied: 1 },
      bytes: { total: 700, copied: 700 },
      dockerHubPulls: 1,
    },
    {
      state: 'unknown',
      a: { reference: image('gone:v1') },
      b: { reference: image('gone:v1') },
      error: { code: 'NOT_FOUND', message: 'docker.io/rancher/gone:v1 not found: the source has no tag v1' },
    },
    { state: 'unchanged', a: { reference: image('same:v1') }, b: { reference: image('same:v1') }, dockerHubPulls: 0 },
  ],
  blobs: [{ digest: digest('5'), size: 1000, shared: false, images: [image('new:v1')] }],
  totals: {
    images: 6,
    added: 1,
    removed: 1,
    renamed: 0,
    retagged: 1,
    changed: 1,
    unchanged: 1,
    failed: 1,
    blobs: 4,
    bytes: 5200,
    sharedBytes: 7500,
    dockerHubPulls: 6,
    dockerHubPullsUsed: 9,
  },
  rateLimits: [{ registry: 'docker.io', limit: 100, remaining: 76, windowSeconds: 21_600 }],
  warnings: ['options.include "x" matches no image'],
}

/** Images that moved to another registry: the second with another tag, the third compared only by its name. */
export const renamedSample: DiffReport = {
  ...diffSample,
  images: [
    {
      state: 'renamed',
      a: { reference: image('klipper-lb:v1'), digest: digest('1') },
      b: { reference: 'ghcr.io/k3s-io/klipper-lb:v1', digest: digest('1'), platforms: ['linux/amd64'] },
      blobs: { total: 2, copied: 0 },
      bytes: { total: 3000, copied: 700 },
      dockerHubPulls: 0,
    },
    {
      state: 'renamed',
      a: { reference: image('pause:3.9'), digest: digest('2') },
      b: { reference: 'ghcr.io/k3s-io/pause:3.10', digest: digest('2') },
    },
    { state: 'renamed', a: { reference: image('old:v1') }, b: { reference: 'ghcr.io/k3s-io/old:v1', digest: digest('3') } },
  ],
  totals: { ...diffSample.totals, images: 3, added: 0, removed: 0, renamed: 3, retagged: 0, changed: 0, unchanged: 0, failed: 0 },
  warnings: [],
}

/** The same release twice. */
export const sameSample: DiffReport = {
  ...diffSample,
  b: diffSample.a,
  images: diffSample.images.filter(({ state }) => state === 'unchanged'),
  blobs: [],
  totals: {
    ...diffSample.totals,
    images: 1,
    added: 0,
    removed: 0,
    retagged: 0,
    changed: 0,
    failed: 0,
    blobs: 0,
    bytes: 0,
    sharedBytes: 0,
    dockerHubPulls: 0,
    dockerHubPullsUsed: 0,
  },
  rateLimits: [],
  warnings: [],
}
