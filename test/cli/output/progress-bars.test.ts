import assert from 'node:assert/strict'
import { describe, it, mock, type TestContext } from 'node:test'
import { createRenderer } from '../../../src/cli/output/create-renderer.ts'
import { progressBars } from '../../../src/cli/output/progress-bars.ts'
import type { OutputClock, Renderer } from '../../../src/cli/output/renderer.ts'
import { textWidth } from '../../../src/cli/output/shorten-name.ts'
import type { MirrorEvent } from '../../../src/copy/events.ts'
import { begun, blobCopied, copied, failed, finished, planned, progressed, started, upToDate } from '../../report/sample-events.ts'
import { plain } from './collected.ts'
import { FakeTerminal } from './fake-terminal.ts'

const showCursor = '\u001B[?25h'
const hideCursor = '\u001B[?25l'

interface Stage {
  readonly terminal: FakeTerminal
  readonly renderer: Renderer
  /** Sends events and lets the bars redraw. */
  readonly show: (...events: readonly MirrorEvent[]) => void
  readonly pass: (milliseconds: number) => void
  /** What the screen shows; the bars' timers are real again afterwards. */
  readonly screen: () => Promise<string[]>
}

function stage(t: TestContext, columns = 100, rows = 24): Stage {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  const terminal = new FakeTerminal(columns, rows)
  let now = 0
  const clock: OutputClock = { now: () => now, every: () => () => undefined }
  const renderer = progressBars(terminal, { styles: plain, clock })
  t.after(() => {
    renderer.end()
    mock.timers.reset()
  })
  const pass = (milliseconds: number): void => {
    for (let passed = 0; passed < milliseconds; passed += 100) {
      now += 100
      mock.timers.tick(100)
    }
  }
  return {
    terminal,
    renderer,
    pass,
    show(...events): void {
      for (const event of events) renderer.event(event)
      pass(100)
    },
    async screen(): Promise<string[]> {
      mock.timers.reset()
      return terminal.replay()
    },
  }
}

describe('progressBars', () => {
  it('shows a total and the images in flight', async (t) => {
    const { show, pass, screen } = stage(t)
    show(started('a', 'b'), planned('a', 10_000_000), planned('b', 40_000_000), begun('a'), begun('b'))
    pass(800)
    show(progressed('a', 'layer', 10_000_000, 5_000_000))
    assert.deepEqual(await screen(), [
      `0/2 images, 5 MB of 50 MB, 5 MB/s, 9s left${' '.repeat(32)}[==---------------------]`,
      `  docker.io/rancher/a:1${' '.repeat(36)}5 MB of 10 MB  [===========------------]`,
      `  docker.io/rancher/b:1${' '.repeat(37)}0 B of 40 MB  [-----------------------]`,
    ])
  })

  it('prints a finished image above the bars as one line', async (t) => {
    const { show, screen } = stage(t)
    show(started('a', 'b', 'c'), planned('a', 10), begun('a'), planned('b', 10), begun('b'))
    show(blobCopied('a', 'layer', 10), copied('a'))
    show(failed('c'))
    const [line, total, image] = await screen()
    assert.equal(line, 'copied docker.io/rancher/a:1 (10 B, 100ms)')
    assert.match(total ?? '', /^2\/3 images, 1 failed, 10 B of 20 B {2,}\[=+-+\]$/)
    assert.match(image ?? '', /^ {2}docker\.io\/rancher\/b:1 {2,}0 B of 10 B {2}\[-+\]$/)
  })

  it('prints failures once, at the end', async (t) => {
    const { renderer, show, screen } = stage(t)
    show(started('a', 'b'), failed('b', { final: false }), failed('b'), copied('a'), finished())
    renderer.end()
    assert.deepEqual(await screen(), [
      'copied docker.io/rancher/a:1',
      'FAILED docker.io/rancher/b:1: cannot connect to registry.test:5000 (UNREACHABLE)',
      '  hint: check that the registry is up',
    ])
  })

  it('leaves only the lines of the images behind, and restores the cursor', async (t) => {
    const { terminal, renderer, show, screen } = stage(t)
    show(started('a'), planned('a', 10), begun('a'))
    assert.ok(terminal.text.includes(hideCursor))
    renderer.event(copied('a'))
    renderer.event(finished())
    renderer.end()
    assert.ok(terminal.text.lastIndexOf(showCursor) > terminal.text.lastIndexOf(hideCursor))
    assert.ok(terminal.text.lastIndexOf('\u001B[?7h') > terminal.text.lastIndexOf('\u001B[?7l'))
    assert.equal(terminal.listenerCount('resize'), 0)
    const length = terminal.text.length
    renderer.end()
    renderer.event(started('b'))
    renderer.event(failed('b'))
    assert.equal(terminal.text.length, length, 'nothing is written after the end')
    assert.deepEqual(await screen(), ['copied docker.io/rancher/a:1 (10 B, 100ms)'])
  })

  it('does not start again after its end', (t) => {
    const { terminal, renderer, show } = stage(t)
    renderer.end()
    show(started('a'), begun('a'))
    assert.equal(terminal.text.includes(hideCursor), false)
  })

  it('restores the cursor when the process exits during the run', (t) => {
    const { terminal, show } = stage(t)
    const before = process.listeners('exit')
    show(started('a'), begun('a'))
    const [added] = process.listeners('exit').slice(-1)
    assert.ok(before.length > 0 && added !== undefined)
    added(130)
    assert.ok(terminal.text.lastIndexOf(showCursor) > terminal.text.lastIndexOf(hideCursor))
  })

  it('goes back when a blob is restarted, without a negative rate', async (t) => {
    const { show, pass, screen } = stage(t)
    show(started('a'), planned('a', 1_000), begun('a'))
    pass(1_000)
    show(progressed('a', 'layer', 1_000, 900))
    show(progressed('a', 'layer', 1_000, 100))
    const lines = await screen()
    assert.match(lines[0] ?? '', /^0\/1 image, 100 B of 1 kB, \d+ B\/s, .*\[==-+\]$/)
    assert.match(lines[1] ?? '', / 100 B of 1 kB {2}\[==-+\]$/)
  })

  it('fits 900 images into 10 rows', async (t) => {
    const { terminal, show, screen } = stage(t, 80, 10)
    const names = Array.from({ length: 900 }, (_, index) => `image-${String(index).padStart(3, '0')}`)
    show(started(...names))
    for (let first = 0; first < 900; first += 30) {
      const some = names.slice(first, first + 30)
      show(...some.flatMap((name) => [planned(name, 100), begun(name)]))
      if (first === 870) break
      show(...some.map((name) => copied(name)))
    }
    const lines = await screen()
    const bars = lines.slice(870)
    assert.deepEqual(
      lines.slice(0, 870).map((line) => /^copied docker\.io\/rancher\/(\S+):1 /.exec(line)?.[1]),
      names.slice(0, 870),
      'each finished image has exactly one line',
    )
    assert.match(bars[0] ?? '', /^870\/900 images, .*, 24 more in progress +\[=+-\]$/)
    assert.equal(bars.length, 7, 'a total and six images')
    assert.ok(terminal.text.length < 3_000_000)
  })

  it('shows no more lines than a small terminal has', async (t) => {
    const { show, screen } = stage(t, 20, 3)
    show(started('a', 'b'), planned('a', 10), begun('a'), begun('b'))
    show(upToDate('b'))
    const lines = await screen()
    assert.deepEqual(lines, ['up to date: docker.io/rancher/b:1', '1/2 images'])
  })

  it('wraps a long line, and fits bars to the terminal', async (t) => {
    const { show, screen } = stage(t, 60)
    const name = `deep/${'very-'.repeat(20)}long`
    show(started(name, 'b'), planned(name, 10), begun(name))
    show({ type: 'warning', message: `refused ${'again and '.repeat(10)}again` })
    const lines = await screen()
    assert.match(lines[0] ?? '', /^warning: refused .*again$/)
    assert.equal(lines.length, 3)
    assert.match(lines[2] ?? '', /^ {2}very-.*….*very-long:1 {2,}0 B of 10 B {2}\[-+\]$/)
    assert.ok((lines[2] ?? '').length < 60)
  })

  for (const columns of [40, 60, 80, 100, 200]) {
    it(`draws every line within ${columns} columns, with bars below each other`, async (t) => {
      const { show, pass, screen } = stage(t, columns)
      const names = ['klipper-helm', `${'deep/'.repeat(30)}klipper-lb`, '鏡像'.repeat(40), 'x'.repeat(200)]
      show(started(...names, 'broken'), ...names.flatMap((name) => [planned(name, 1_230_000_000), begun(name)]))
      pass(1_000)
      show(failed('broken'), ...names.map((name) => progressed(name, 'layer', 1_230_000_000, 999_000_000)))
      const lines = await screen()
      assert.equal(lines.length, 5, lines.join('\n'))
      for (const line of lines) {
        assert.ok(textWidth(line) < columns, line)
        assert.match(line, /\[=+-+\]$/)
      }
      assert.equal(new Set(lines.map((line) => line.length - line.lastIndexOf('['))).size, 1, lines.join('\n'))
      assert.match(lines[0] ?? '', /^1\/5 images, 1 failed/)
      assert.match(lines[1] ?? '', /klipper-helm:1 /)
    })
  }

  it('leaves nothing behind when it is made narrower and wider again', async (t) => {
    const { terminal, show, pass, screen } = stage(t, 100, 24)
    show(started('a', 'b', 'c'), ...['a', 'b', 'c'].flatMap((name) => [planned(name, 100), begun(name)]))
    show(copied('a'))
    for (const columns of [70, 50, 44, 90]) {
      terminal.resize(columns, 24)
      pass(300)
    }
    show(copied('b'))
    pass(100)
    assert.deepEqual(await screen(), [
      'copied docker.io/rancher/a:1 (100 B, 100ms)',
      'copied docker.io/rancher/b:1 (100 B, 1.4s)',
      `2/3 images, 200 B of 300 B, 0 B/s${' '.repeat(36)}[============------]`,
      `  docker.io/rancher/c:1${' '.repeat(32)}0 B of 100 B  [------------------]`,
    ])
  })

  for (const [columns, rows] of [
    [30, 24],
    [200, 24],
    [100, 8],
    [40, 6],
  ] as const) {
    it(`is whole again after it was resized to ${columns} columns and ${rows} rows`, async (t) => {
      const { terminal, show, pass, screen } = stage(t, 100, 20)
      const names = Array.from({ length: 10 }, (_, index) => `image-${index}`)
      show(started(...names), ...names.flatMap((name) => [planned(name, 100), begun(name)]))
      show(copied('image-0'))
      terminal.resize(columns, rows)
      pass(300)
      show(copied('image-1'))
      pass(300)
      const lines = await screen()
      assert.equal(lines.filter((line) => line.startsWith('copied')).length, 2)
      // What scrolled away while there was no room is the terminal's; what is drawn since is one total and the images that fit.
      const drawn = lines.slice(lines.findIndex((line) => line.startsWith('copied docker.io/rancher/image-1:')) + 1)
      assert.match(drawn[0] ?? '', /^2\/10 images/)
      assert.equal(drawn.length, 1 + Math.min(8, rows - 4), lines.join('\n'))
    })
  }
})

describe('createRenderer', () => {
  const cases: readonly (readonly [string, Parameters<typeof createRenderer>[1], boolean])[] = [
    ['on a terminal', { env: {} }, true],
    ['on a CI terminal', { env: { CI: '1' } }, false],
    ['when quiet', { env: {}, verbosity: 'quiet' }, false],
    ['without progress', { env: {}, progress: false }, false],
  ]
  for (const [name, options, expected] of cases) {
    it(`${expected ? 'draws' : 'draws no'} bars ${name}`, async () => {
      const terminal = new FakeTerminal(80, 24)
      const renderer = await createRenderer(terminal, options)
      for (const event of [started('a'), copied('a')]) renderer.event(event)
      renderer.end()
      assert.equal(terminal.text.includes(hideCursor), expected)
      assert.equal(terminal.text.includes(' docker.io/rancher/a:1'), options.verbosity !== 'quiet')
    })
  }
})
