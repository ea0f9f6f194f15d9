import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { cutToWidth, shortenName, textWidth } from '../../../src/cli/output/shorten-name.ts'

const helm = 'docker.io/rancher/klipper-helm:v0.13.3-build20260727'

describe('shortenName', () => {
  it('keeps the registry and the end of the path, then the end, then the tag', () => {
    assert.equal(shortenName(helm, 52), helm)
    assert.equal(shortenName(helm, 51), 'docker.io/…/klipper-helm:v0.13.3-build20260727')
    assert.equal(shortenName(helm, 45), '…/rancher/klipper-helm:v0.13.3-build20260727')
    assert.equal(shortenName(helm, 40), '…/klipper-helm:v0.13.3-build20260727')
    assert.equal(shortenName(helm, 24), 'klipper….3-build20260727')
    assert.equal(shortenName(helm, 1), '…')
    assert.equal(shortenName(helm, 0), '')
  })

  it('keeps as much of a deep path as fits', () => {
    assert.equal(shortenName('r.example/a/b/c/d/image:1', 22), 'r.example/…/d/image:1')
  })

  it('shortens a digest in its middle', () => {
    const name = `docker.io/a/b@sha256:${'0123456789abcdef'.repeat(4)}`
    assert.equal(shortenName(name, 30), 'b@sha256:…cdef0123456789abcdef')
  })

  it('never takes more columns than asked for, with wide characters either', () => {
    const name = fc.string({ unit: fc.constantFrom('a', '/', ':', '鏡', 'é', '👩‍👩‍👧', '-'), maxLength: 60 })
    fc.assert(
      fc.property(name, fc.nat(70), (text, width) => {
        assert.ok(textWidth(shortenName(text, width)) <= width, `${shortenName(text, width)} in ${width}`)
        assert.ok(textWidth(cutToWidth(text, width)) <= width)
      }),
    )
  })
})
