import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatFailureMarkdown } from '../../../src/cli/output/failure-formats.ts'
import { formatPlanMarkdown } from '../../../src/cli/output/plan-markdown.ts'
import { formatRunMarkdown } from '../../../src/cli/output/run-markdown.ts'
import { reportHead } from '../../../src/report/report-head.ts'
import { digestOf } from '../../report/sample-events.ts'
import { oldDigest, samplePlan, sampleRun } from './sample-run.ts'

describe('formatRunMarkdown', () => {
  it('shows the counts, then replaced and skipped tags with both digests, failures, and every image', () => {
    const text = formatRunMarkdown(sampleRun())
    const parts = [
      '## k3s-mirror mirror\n\n**4 images: 1 replaced, 1 up to date, 1 skipped, 1 failed**\n\nDestination: `registry.test:5000`\n',
      '### Replaced: 1 tag\n\n| Tag | Was | Is |\n',
      `| \`registry.test:5000/rancher/b:1\` | \`${oldDigest}\` | \`${digestOf('b')}\` |\n`,
      '### Skipped: 1 tag\n\n| Tag | At the destination | At the source |\n',
      '### Failures\n\n- `not found: oddly configured (NOT_FOUND)`  \n  Hint: `check --from`\n  - `docker.io/rancher/a:1`\n',
      '| `docker.io/rancher/a:1` | **failed** |',
      '### Warnings\n\n- `oddly configured`\n',
    ]
    let at = 0
    for (const part of parts) {
      const found = text.indexOf(part, at)
      assert.ok(found !== -1, `${part}\nis missing, or in the wrong place:\n${text}`)
      at = found
    }
    assert.match(text, /\nk3s-mirror \d\S+, 2026-01-02T03:04:05\.000Z\n$/)
  })

  it('shows an error that all images share once, and an interruption', () => {
    const run = sampleRun()
    const ended = formatRunMarkdown({ ...run, error: { code: 'TLS', message: 'not trusted', hint: 'pass options.caFile' } })
    assert.ok(ended.includes('**Error:** `not trusted (TLS)`\n\nHint: `pass --ca-file`\n'))
    assert.ok(!ended.includes('### Failures'))
    assert.ok(formatRunMarkdown({ ...run, interrupted: true }).includes('**interrupted; 4 images: '))
  })

  it('shows each of several destinations', () => {
    const run = sampleRun()
    const many = { ...reportHead(''), command: 'mirror', destinations: [run, run], totals: run.totals } as const
    assert.equal(formatRunMarkdown(many).match(/^## /gm)?.length, 2)
  })

  it('keeps markup in texts of a registry from taking effect', () => {
    const text = formatRunMarkdown(sampleRun('a | b `code` <script> @team\u001B[31m'))
    assert.ok(text.includes('- ``a | b `code` <script> @team\\u{1b}[31m``\n'))
  })
})

describe('formatPlanMarkdown', () => {
  it('shows what would be replaced, what failed, and what there is to copy', () => {
    const text = formatPlanMarkdown(samplePlan())
    for (const part of [
      '## k3s-mirror plan\n\n**3 images: 1 changed, 1 skipped, 1 failed**\n',
      '### Would be replaced: 1 tag\n',
      '### Would be skipped: 1 tag\n',
      '### Failures\n\n- `oddly configured (NOT_FOUND)`\n  - `docker.io/rancher/a:1`\n',
      '| `docker.io/rancher/b:1` | **changed** | 5 B |',
      '\nto copy: 1 blob, 5 B\n',
      '\n`v1.37.1+k3s1`; k3s-mirror ',
    ]) {
      assert.ok(text.includes(part), `${part}\nis missing:\n${text}`)
    }
  })
})

describe('formatFailureMarkdown', () => {
  it('shows the error and the hint', () => {
    const error = { code: 'USAGE', message: 'unknown option "--bogus"', hint: 'run k3s-mirror plan --help' } as const
    const text = formatFailureMarkdown({ ...reportHead('2026-01-02T03:04:05.000Z'), command: 'plan', error })
    const head =
      '## k3s-mirror plan\n\n**could not begin**\n\n**Error:** `unknown option "--bogus" (USAGE)`\n\nHint: `run k3s-mirror plan --help`\n'
    assert.ok(text.startsWith(head), text)
  })
})
