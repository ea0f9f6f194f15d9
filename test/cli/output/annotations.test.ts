import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatAnnotations } from '../../../src/cli/output/annotations.ts'
import { reportHead } from '../../../src/report/report-head.ts'
import type { MirrorReport } from '../../../src/report/report.ts'
import { foldReport } from '../../report/fold-events.ts'
import { copied, digestOf, failed, finished, planned, started, upToDate } from '../../report/sample-events.ts'
import { diffSample, sameSample } from './diff-sample.ts'
import { sampleSync, sampleSyncCheck } from './sync-sample.ts'
import { incomplete, reportOver } from './verify-sample.ts'

/** A run in which one image failed, one was replaced, and one was up to date. */
function sampleRun(): MirrorReport {
  return foldReport([
    started('a', 'b', 'c'),
    planned('b', 10, 'changed'),
    { ...copied('b'), previousDigest: digestOf('old') } as ReturnType<typeof copied>,
    upToDate('c'),
    failed('a', { error: { code: 'NOT_FOUND', message: '100% gone:\nnothing, there', hint: 'check options.from' } }),
    { type: 'warning', message: 'oddly\u001B[31m configured' },
    finished(),
  ])
}

describe('formatAnnotations', () => {
  it('writes workflow commands for GitHub, escaped, one for each kind', () => {
    const lines = formatAnnotations(sampleRun(), 'github').split('\n')
    assert.deepEqual(lines, [
      '::error title=k3s-mirror mirror%3A 1 image failed::100%25 gone: nothing, there (NOT_FOUND)%0Ahint: check --from%0Adocker.io/rancher/a:1',
      `::warning title=k3s-mirror mirror replaced%3A 1 tag::registry.test:5000/rancher/b:1: was ${digestOf('old')}, is ${digestOf('b')}`,
      '::warning title=k3s-mirror mirror%3A 1 warning::oddly\\u{1b}[31m configured',
      '',
    ])
  })

  it('writes a section of the log for GitLab', () => {
    const text = formatAnnotations(sampleRun(), 'gitlab', 1_700_000_000_999)
    assert.ok(
      text.startsWith(
        '\u001B[0Ksection_start:1700000000:k3s_mirror\r\u001B[0Kk3s-mirror: 1 error, 2 warnings\n\u001B[31;1merror: mirror: 1 image failed',
      ),
    )
    assert.ok(text.endsWith('\n\u001B[0Ksection_end:1700000000:k3s_mirror\r\u001B[0K\n'))
    assert.ok(text.includes('oddly\\u{1b}[31m configured'))
  })

  it('writes nothing where nothing deserves attention', () => {
    for (const style of ['github', 'gitlab'] as const)
      assert.equal(formatAnnotations(foldReport([started('a'), upToDate('a'), finished()]), style), '')
  })

  it('reports an error that all images share once, for each destination', () => {
    const error = { code: 'UNREACHABLE', message: 'cannot connect' } as const
    const report = { ...sampleRun(), error, warnings: [] }
    const one = formatAnnotations({ ...report, images: report.images.slice(0, 1) }, 'github')
    assert.equal(one, '::error title=k3s-mirror mirror failed::cannot connect (UNREACHABLE)\n')
    const many = { ...reportHead(''), command: 'mirror', destinations: [report, report], totals: report.totals } as const
    assert.equal(formatAnnotations(many, 'github').match(/^::error title=k3s-mirror mirror -> registry\.test%3A5000 failed::/gm)?.length, 2)
  })

  it('names the entry of a run over entries or a check, and the destination', () => {
    const titles = (text: string): readonly string[] => [...text.matchAll(/^::(\w+ title=.*?)::/gm)].map(([, title = '']) => title)
    const run = titles(formatAnnotations(sampleSync(), 'github'))
    assert.deepEqual(run.slice(0, 3), [
      'error title=k3s-mirror sync k3s -> registry.test%3A5000%3A 1 image failed',
      'warning title=k3s-mirror sync k3s -> registry.test%3A5000 replaced%3A 1 tag',
      'warning title=k3s-mirror sync k3s -> registry.test%3A5000 skipped%3A 1 tag',
    ])
    assert.equal(run.at(-1), 'error title=k3s-mirror sync apps failed')
    const check = titles(formatAnnotations(sampleSyncCheck(), 'github'))
    assert.equal(check[1], 'warning title=k3s-mirror sync k3s -> registry.test%3A5000%3A would be replaced%3A 1 tag')
    assert.equal(check.at(-1), 'error title=k3s-mirror sync apps -> oci%3A/site failed')
  })

  it('warns of the images that a comparison found changed, and reports those that failed', () => {
    const lines = formatAnnotations(diffSample, 'github').split('\n')
    const [three, four] = ['3', '4'].map((digit) => `sha256:${digit.repeat(64)}`)
    assert.equal(lines.length, 4)
    assert.match(lines[0] ?? '', /^::error title=k3s-mirror diff%3A 1 image failed::docker\.io\/rancher\/gone:v1 not found/)
    assert.equal(
      lines[1],
      `::warning title=k3s-mirror diff%3A 1 image changed::docker.io/rancher/mirrored-pause:3.6: A has ${three}, B has ${four}`,
    )
    assert.match(lines[2] ?? '', /^::warning title=k3s-mirror diff%3A 1 warning::/)
    assert.equal(formatAnnotations(sameSample, 'github'), '')
  })

  it('reports the problems of a verification, and a command that could not begin', () => {
    assert.match(formatAnnotations(reportOver([incomplete]), 'github'), /^::error title=k3s-mirror verify%3A 1 image not ok::.+\n$/)
    const failure = { ...reportHead(''), command: null, error: { code: 'USAGE', message: 'unknown' } } as const
    assert.equal(formatAnnotations(failure, 'github'), '::error title=k3s-mirror command line failed::unknown (USAGE)\n')
  })
})
