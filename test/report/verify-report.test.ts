import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../../src/oci/digest.ts'
import { foldVerification } from '../../src/report/verify-report.ts'
import { worstStatus, type ImageVerdict, type Problem } from '../../src/verify/image-verdict.ts'
import { version } from '../../src/version.ts'

const digest = sha256(Buffer.from('1'))
const verdict: ImageVerdict = {
  status: 'ok',
  digest,
  platforms: ['linux/amd64'],
  manifests: 2,
  blobs: 3,
  bytes: 100,
  endpoints: [{ url: 'http://r/v2', repository: 'm/x', isDefault: false, status: 'serves' }],
  problems: [],
  warnings: [],
}
const missing: ImageVerdict = {
  ...verdict,
  status: 'missing',
  digest: undefined,
  platforms: [],
  manifests: 0,
  blobs: 0,
  bytes: 0,
  endpoints: [{ url: 'http://r/v2', repository: 'm/y', isDefault: true, status: 'failed', reason: 'not found' }],
  problems: [{ status: 'missing', code: 'NOT_FOUND', message: 'y is missing' }],
  warnings: ['mirrors disagree'],
}

test('reports plain data with every field, in the order of the list', () => {
  const report = foldVerification({
    startedAt: '2026-01-02T03:04:05.000Z',
    destination: 'r/m',
    registries: undefined,
    asNode: false,
    deep: true,
    images: [
      { reference: 'x:1', destination: 'r/m/x:1', verdict },
      { reference: 'y:1', destination: undefined, verdict: missing },
    ],
    requests: 7,
    seconds: 1.5,
    lists: [],
    warnings: ['configured oddly'],
  })
  assert.deepEqual(JSON.parse(JSON.stringify(report)), {
    schemaVersion: 1,
    tool: { name: 'k3s-mirror', version },
    startedAt: '2026-01-02T03:04:05.000Z',
    finishedAt: report.finishedAt,
    command: 'verify',
    destination: 'r/m',
    registries: null,
    asNode: false,
    deep: true,
    images: [
      {
        reference: 'x:1',
        destination: 'r/m/x:1',
        digest,
        status: 'ok',
        platforms: ['linux/amd64'],
        manifests: 2,
        blobs: 3,
        bytes: 100,
        endpoints: [{ url: 'http://r/v2', repository: 'm/x', default: false, status: 'serves' }],
        problems: [],
      },
      {
        reference: 'y:1',
        destination: null,
        digest: null,
        status: 'missing',
        platforms: [],
        manifests: 0,
        blobs: 0,
        bytes: 0,
        endpoints: [{ url: 'http://r/v2', repository: 'm/y', default: true, status: 'failed', reason: 'not found' }],
        problems: [{ code: 'NOT_FOUND', message: 'y is missing' }],
      },
    ],
    totals: {
      images: 2,
      ok: 1,
      failed: 1,
      statuses: {
        damaged: 0,
        missing: 1,
        incomplete: 0,
        unreachable: 0,
        refused: 0,
        moved: 0,
        'upstream-only': 0,
        ok: 1,
      },
      manifests: 2,
      blobs: 3,
      bytes: 100,
      requests: 7,
      seconds: 1.5,
    },
    lists: [],
    warnings: ['configured oddly', 'mirrors disagree'],
  })
})

test('takes the status of an image from its worst problem', () => {
  const problem = (status: Problem['status']): Problem => ({ status, code: 'NOT_FOUND', message: '' })
  assert.equal(worstStatus([]), 'ok')
  assert.equal(worstStatus([problem('moved'), problem('incomplete'), problem('upstream-only')]), 'incomplete')
  assert.equal(worstStatus([problem('unreachable'), problem('damaged')]), 'damaged')
})
