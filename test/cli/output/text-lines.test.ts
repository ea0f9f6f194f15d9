import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Renderer, Verbosity } from '../../../src/cli/output/renderer.ts'
import { textLines } from '../../../src/cli/output/text-lines.ts'
import type { MirrorEvent, RunCommand } from '../../../src/copy/events.ts'
import {
  begun,
  blobCopied,
  copied,
  failed,
  finished,
  manifestCopied,
  planned,
  progressed,
  skipped,
  sourceOf,
  started,
  startedAs,
  unreachable,
  upToDate,
} from '../../report/sample-events.ts'
import { Collected, HandClock, plain } from './collected.ts'

function lines(options: { verbosity?: Verbosity; heartbeat?: number } = {}): { output: Collected; clock: HandClock; renderer: Renderer } {
  const output = new Collected()
  const clock = new HandClock()
  return { output, clock, renderer: textLines(output, { styles: plain, clock, ...options }) }
}

function linesOf(events: readonly MirrorEvent[], verbosity?: Verbosity): string[] {
  const { output, renderer } = lines(verbosity === undefined ? {} : { verbosity })
  for (const event of events) renderer.event(event)
  renderer.end()
  return output.lines
}

const throttled = (origin: string): MirrorEvent => ({ type: 'throttled', side: 'source', origin, delay: 1_000 })

describe('textLines', () => {
  it('writes one line per image, and failures at the end', () => {
    const { output, clock, renderer } = lines()
    for (const event of [started('a', 'b', 'c'), planned('a', 34_000_000), begun('a'), planned('b', 0, 'present'), upToDate('b')])
      renderer.event(event)
    clock.turn(1_500)
    for (const event of [blobCopied('a', 'layer', 34_000_000), copied('a'), failed('c'), finished()]) renderer.event(event)
    renderer.end()
    assert.deepEqual(output.lines, [
      'up to date: docker.io/rancher/b:1',
      'copied docker.io/rancher/a:1 (34 MB, 1.5s)',
      'FAILED docker.io/rancher/c:1: cannot connect to registry.test:5000 (UNREACHABLE)',
      '  hint: check that the registry is up',
    ])
  })

  const words: readonly (readonly [RunCommand, string, string])[] = [
    ['mirror', 'copied', 'up to date'],
    ['bundle create', 'added', 'in the base bundle'],
    ['bundle push', 'pushed', 'up to date'],
    ['bundle load', 'loaded', 'already loaded'],
  ]
  for (const [command, done, unchanged] of words) {
    it(`uses the words of ${command}`, () => {
      assert.deepEqual(linesOf([startedAs(command, 'a', 'b'), copied('a'), upToDate('b')]), [
        `${done} docker.io/rancher/a:1`,
        `${unchanged}: docker.io/rancher/b:1`,
      ])
    })
  }

  it('does not mention a failure that a retry repairs', () => {
    assert.deepEqual(linesOf([started('a'), failed('a', { final: false }), begun('a', 2), copied('a'), finished()]), [
      'copied docker.io/rancher/a:1 (0ms)',
    ])
  })

  it('reports a failure once, after both rounds', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    const events = [
      started(...names),
      ...names.map((name) => failed(name, { final: false })),
      ...names.flatMap((name) => [begun(name, 2), failed(name)]),
      finished(),
    ]
    assert.deepEqual(linesOf(events), [
      'FAILED all 8 images: cannot connect to registry.test:5000 (UNREACHABLE)',
      '  hint: check that the registry is up',
    ])
  })

  it('reports the failure of an image whose retry was interrupted', () => {
    const lines = linesOf([started('a', 'b'), failed('a', { final: false }), finished(true)])
    assert.equal(lines[0], 'FAILED docker.io/rancher/a:1: cannot connect to registry.test:5000 (UNREACHABLE)')
  })

  it('reports failures when it is ended before the run', () => {
    const { output, renderer } = lines()
    for (const event of [started('a', 'b'), failed('a')]) renderer.event(event)
    assert.deepEqual(output.lines, [])
    renderer.end()
    renderer.end()
    assert.equal(output.text.match(/^FAILED/gm)?.length, 1)
  })

  it('prints a progress line at intervals, until the run ends', () => {
    const { output, clock, renderer } = lines()
    renderer.event(started('a', 'b'))
    renderer.event(planned('a', 4_000_000))
    renderer.event(begun('a'))
    clock.turn(8_000)
    renderer.event(progressed('a', 'layer', 4_000_000, 1_000_000))
    clock.turn(2_000)
    assert.deepEqual(output.lines, ['... 0/2 images, 1 MB of 4 MB, 100 kB/s'])
    renderer.event(planned('b', 0, 'present'))
    renderer.event(upToDate('b'))
    renderer.event(progressed('a', 'layer', 4_000_000, 2_000_000))
    clock.turn(10_000)
    assert.match(output.lines.at(-1) ?? '', /^\.\.\. 1\/2 images, 2 MB of 4 MB/)
    renderer.event(finished())
    assert.equal(clock.timers, 0)
  })

  it('stops the progress lines when it is ended early', () => {
    const { clock, renderer } = lines({ heartbeat: 100 })
    renderer.event(started('a'))
    assert.equal(clock.timers, 1)
    renderer.end()
    renderer.end()
    assert.equal(clock.timers, 0)
  })

  it('reports each throttling registry at most once per interval', () => {
    const { output, clock, renderer } = lines()
    for (let second = 0; second < 12; second++) {
      renderer.event(throttled('https://a.test'))
      renderer.event(throttled('https://b.test'))
      clock.turn(1_000)
    }
    assert.deepEqual(output.lines, [
      'throttled: https://a.test (source) asked to wait 1s',
      'throttled: https://b.test (source) asked to wait 1s',
      'throttled: https://a.test (source) asked to wait 1s',
      'throttled: https://b.test (source) asked to wait 1s',
    ])
  })

  it('shows warnings', () => {
    assert.deepEqual(
      linesOf([
        { type: 'warning', message: 'no checksum' },
        { type: 'warning', message: 'odd\u001B[2J', image: sourceOf('a') },
      ]),
      ['warning: no checksum', 'warning: docker.io/rancher/a:1: odd\\u{1b}[2J'],
    )
  })

  const busy = [
    started('a'),
    { type: 'list-read', name: 'v1.37.1+k3s1', sha256: 'abc', coverage: 'checksum-file', images: 1 },
    planned('a', 110),
    begun('a'),
    { type: 'warning', message: 'careful' },
    skipped('a', 'base', 50, 'mounted'),
    { type: 'retrying', image: sourceOf('a'), attempt: 2, delay: 500, error: unreachable },
    blobCopied('a', 'layer', 50),
    manifestCopied('a', 10),
    failed('a', { final: false }),
    failed('a'),
  ] as const satisfies readonly MirrorEvent[]

  it('prints only failures when quiet, and no progress lines', () => {
    assert.deepEqual(linesOf(busy, 'quiet'), [
      'FAILED docker.io/rancher/a:1: cannot connect to registry.test:5000 (UNREACHABLE)',
      '  hint: check that the registry is up',
    ])
    const { clock, renderer } = lines({ verbosity: 'quiet' })
    renderer.event(started('a'))
    assert.equal(clock.timers, 0)
  })

  it('prints every event except progress when verbose', () => {
    const text = linesOf(busy, 'verbose')
      .map((line) => line.replaceAll(/sha256:\w+/g, 'DIGEST'))
      .slice(0, 9)
    assert.deepEqual(text, [
      "v1.37.1+k3s1: the list matches the release's sha256sum-amd64.txt",
      'new docker.io/rancher/a:1 -> registry.test:5000/rancher/a:1 (DIGEST, 2 blobs, 110 B)',
      'start docker.io/rancher/a:1',
      'warning: careful',
      'mounted DIGEST of docker.io/rancher/a:1 (50 B)',
      'retry 2 in 500ms for docker.io/rancher/a:1: cannot connect to registry.test:5000 (UNREACHABLE)',
      'blob DIGEST of docker.io/rancher/a:1 (50 B)',
      'manifest DIGEST of docker.io/rancher/a:1 (10 B)',
      'failed docker.io/rancher/a:1, will be retried at the end: cannot connect to registry.test:5000 (UNREACHABLE)',
    ])
  })
})
