import { reportHead } from '../../../src/report/report-head.ts'
import type { VerifiedImage, VerifyReport } from '../../../src/report/verify-report.ts'

const mirror = 'https://r.example:5000/v2'

/** An image that is all right, served by the second of two mirrors. */
export const whole: VerifiedImage = {
  reference: 'docker.io/rancher/klipper-lb:v0.4.17',
  destination: null,
  digest: `sha256:${'1'.repeat(64)}`,
  status: 'ok',
  platforms: ['linux/amd64', 'linux/arm64'],
  manifests: 3,
  blobs: 8,
  bytes: 12_300_000,
  endpoints: [
    {
      url: 'http://old.example/v2',
      repository: 'rancher/klipper-lb',
      default: false,
      status: 'failed',
      reason: 'the connection was refused',
    },
    { url: mirror, repository: 'mirror/rancher/klipper-lb', default: false, status: 'serves' },
    { url: 'https://registry-1.docker.io/v2', repository: 'rancher/klipper-lb', default: true, status: 'not-needed' },
  ],
  problems: [],
}

/** An image of which a layer is missing. */
export const incomplete: VerifiedImage = {
  ...whole,
  reference: 'docker.io/rancher/mirrored-pause:3.10.2',
  status: 'incomplete',
  endpoints: [{ url: mirror, repository: 'mirror/rancher/mirrored-pause', default: false, status: 'serves-part', reason: 'not found' }],
  problems: [{ code: 'NOT_FOUND', message: `docker.io/rancher/mirrored-pause:3.10.2: layer sha256:2 is missing: ${mirror}/x: not found` }],
}

/** A report over images. */
export function reportOver(images: readonly VerifiedImage[], more: Partial<VerifyReport> = {}): VerifyReport {
  const count = (status: VerifiedImage['status']): number => images.filter((image) => image.status === status).length
  const ok = count('ok')
  return {
    ...reportHead('2026-01-02T03:04:05.000Z'),
    command: 'verify',
    destination: null,
    registries: '/etc/rancher/k3s/registries.yaml',
    asNode: true,
    deep: false,
    images,
    totals: {
      images: images.length,
      ok,
      failed: images.length - ok,
      statuses: {
        damaged: count('damaged'),
        missing: count('missing'),
        incomplete: count('incomplete'),
        refused: 0,
        unreachable: count('unreachable'),
        moved: count('moved'),
        'upstream-only': count('upstream-only'),
        ok,
      },
      manifests: 6,
      blobs: 16,
      bytes: 24_600_000,
      requests: 40,
      seconds: 1.2,
    },
    lists: [],
    warnings: [],
    ...more,
  }
}

/** Text of the kind that a hostile registry may send. */
export const hostile = 'a|b \\| `code` ``two`` <b>&amp;</b> ]]> "q" \'s\' \u0000\u0008\u001b[31m\ud800\ufffe\nnew line @user [x](y) ```'
