import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BarLayout } from '../../../src/cli/output/bar-layout.ts'
import { textWidth } from '../../../src/cli/output/shorten-name.ts'

const helm = 'docker.io/rancher/klipper-helm:v0.13.3-build20260727'
const names = [helm, 'docker.io/rancher/klipper-lb:v0.4.17', `r.example/${'deep/'.repeat(40)}image:1`, 'r.example/鏡像/鏡像:1']
const parts = ['870/900 images', '12 failed', '999 MB of 1.23 GB', '12.3 MB/s', '15m 5s left', '24 more in progress']

describe('BarLayout', () => {
  for (const columns of [1, 10, 20, 40, 60, 80, 100, 200]) {
    it(`fits ${columns} columns, with bars below each other`, () => {
      const layout = new BarLayout(columns, textWidth(helm))
      const lines = [layout.total(parts, 30, 100), ...names.map((name) => layout.image(name, 1_230_000_000, 9_990_000_000))]
      for (const line of lines) assert.ok(textWidth(line) < Math.max(columns, 1) || line === '', line)
      const places = lines.map((line) => [line.length - line.lastIndexOf('['), line.endsWith(']')].join())
      if (columns >= 40) assert.equal(new Set(places).size, 1, lines.join('\n'))
    })
  }

  it('shows the most important parts of the total that fit', () => {
    const layout = (columns: number): string =>
      new BarLayout(columns, textWidth(helm))
        .total(parts, 1, 2)
        .split(/ {2,}\[/)[0]
        ?.trim() ?? ''
    assert.equal(layout(40), '870/900 images, 12 failed')
    assert.equal(layout(80), '870/900 images, 12 failed, 999 MB of 1.23 GB, 12.3 MB/s')
    assert.equal(layout(100), '870/900 images, 12 failed, 999 MB of 1.23 GB, 12.3 MB/s, 15m 5s left')
  })

  it('shows whole names and wider bars in a wide terminal', () => {
    const line = new BarLayout(200, textWidth(helm)).image(helm, 1, 2)
    assert.ok(line.startsWith(`  ${helm}  `))
    assert.match(line, /\[={50}-{50}\]$/)
  })
})
