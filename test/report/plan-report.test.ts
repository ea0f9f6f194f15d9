import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { PlanStep } from '../../src/plan/plan.ts'
import { foldPlan, type SurveyedStep } from '../../src/report/plan-report.ts'

function blob(name: string, size: number): Descriptor {
  return { mediaType: 'application/octet-stream', digest: sha256(Buffer.from(name)), size }
}

function step(
  name: string,
  blobs: readonly Descriptor[],
  options: Partial<Pick<PlanStep, 'state'>> & { foreign?: readonly Descriptor[] } = {},
): PlanStep {
  const bytes = Buffer.from(name.padEnd(10))
  const root = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: sha256(bytes), size: bytes.length }
  const state = options.state ?? 'new'
  return {
    source: parseReference(`docker.io/rancher/${name}:1`),
    destination: parseReference(`registry.test/rancher/${name}:1`),
    root,
    state,
    platforms: ['linux/amd64', 'linux/arm64'],
    digestPreserved: true,
    contents: { manifests: state === 'present' ? [] : [{ descriptor: root, bytes }], blobs, foreign: options.foreign ?? [] },
  }
}

const startedAt = '2026-01-02T03:04:05.000Z'

function plan(...steps: readonly SurveyedStep[]): ReturnType<typeof foldPlan> {
  return foldPlan({ startedAt, destination: 'registry.test', steps })
}

const base = blob('base', 1000)
const own = blob('own', 30)
const other = blob('other', 50)

describe('foldPlan', () => {
  it('reports present and missing bytes per image, manifests included', () => {
    const { images } = plan({ step: step('a', [base, own]), missing: [own], dockerHubPulls: 2 })
    assert.deepEqual(images, [
      {
        source: 'docker.io/rancher/a:1',
        destination: 'registry.test/rancher/a:1',
        digest: step('a', []).root.digest,
        state: 'new',
        platforms: ['linux/amd64', 'linux/arm64'],
        digestPreserved: true,
        blobs: { total: 2, missing: 1 },
        bytes: { total: 1040, missing: 40, present: 1000 },
        dockerHubPulls: 2,
      },
    ])
  })

  it('counts a blob that several repositories lack once', () => {
    const { totals } = plan(
      { step: step('a', [base, own]), missing: [base, own], dockerHubPulls: 1 },
      { step: step('b', [base, other], { state: 'changed' }), missing: [base, other], dockerHubPulls: 3 },
      { step: step('c', [], { state: 'present' }), missing: [], dockerHubPulls: 0 },
    )
    assert.deepEqual(totals, {
      images: 3,
      new: 1,
      changed: 1,
      present: 1,
      skipped: 0,
      failed: 0,
      blobsToMove: 3,
      bytesToMove: 1000 + 30 + 50 + 20,
      bytesToMount: 1000,
      dockerHubPulls: 4,
    })
  })

  it('copies no blob that a repository of the destination has', () => {
    const { totals } = plan(
      { step: step('a', [base]), missing: [], dockerHubPulls: 1 },
      { step: step('b', [base, own]), missing: [base], dockerHubPulls: 1 },
    )
    assert.equal(totals.blobsToMove, 0)
    assert.equal(totals.bytesToMove, 20)
    assert.equal(totals.bytesToMount, 1000)
  })

  it('counts a blob that one image names twice once', () => {
    const { images, totals } = plan({ step: step('a', [own, own]), missing: [own, own], dockerHubPulls: 1 })
    assert.deepEqual(images[0]?.blobs, { total: 1, missing: 1 })
    assert.equal(totals.bytesToMove, 40)
  })

  it('counts the foreign layers to skip', () => {
    const { images } = plan({ step: step('a', [own], { foreign: [other] }), missing: [own], dockerHubPulls: 1 })
    assert.equal(images[0]?.foreignLayersSkipped, 1)
    assert.equal(images[0]?.bytes.total, 40)
  })

  it('includes failures, rate limits, lists and warnings', () => {
    const failure = {
      source: 'docker.io/a/b:1',
      destination: 'registry.test/a/b:1',
      error: { code: 'NOT_FOUND' as const, message: 'no such tag' },
    }
    const rateLimit = { registry: 'docker.io', limit: 100, remaining: 88, windowSeconds: 21_600 }
    const list = { name: 'list.txt', sha256: 'a'.repeat(64), coverage: 'none', images: 1 } as const
    const report = foldPlan({
      startedAt,
      destination: 'registry.test',
      steps: [],
      failures: [failure],
      rateLimits: [rateLimit],
      lists: [list],
      warnings: ['w'],
    })
    assert.deepEqual([report.failures, report.rateLimits, report.lists, report.warnings], [[failure], [rateLimit], [list], ['w']])
    assert.equal(report.totals.failed, 1)
    assert.equal(report.totals.images, 1)
  })
})
