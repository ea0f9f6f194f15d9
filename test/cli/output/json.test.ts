import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { eventsNdjson, formatJson } from '../../../src/cli/output/json.ts'
import { failed, sourceOf, started } from '../../report/sample-events.ts'
import { simulatedRun } from '../../report/simulated-run.ts'
import { Collected } from './collected.ts'

const date = (): Date => new Date(0)

describe('eventsNdjson', () => {
  it('writes each event as it is, with its time, on one line', () => {
    const output = new Collected()
    const renderer = eventsNdjson(output, { date })
    renderer.event(started('a'))
    renderer.event({ type: 'image-started', image: sourceOf('a'), round: 1 })
    renderer.end()
    assert.deepEqual(output.lines, [
      '{"time":"1970-01-01T00:00:00.000Z","type":"run-started","command":"mirror","images":[{"image":"docker.io/rancher/a:1","destination":"registry.test:5000/rancher/a:1"}],"destination":"registry.test:5000","startedAt":"2026-01-02T03:04:05.000Z"}',
      '{"time":"1970-01-01T00:00:00.000Z","type":"image-started","image":"docker.io/rancher/a:1","round":1}',
    ])
  })

  it('stays one line whatever a message contains, and hides userinfo', () => {
    const output = new Collected()
    const message = 'a\nb\u2028 https://me:hunter2@registry.test'
    eventsNdjson(output, { date }).event(failed('a', { error: { code: 'DENIED', message } }))
    assert.equal(output.text.split('\n').length, 2)
    assert.doesNotMatch(output.text, /hunter2/)
  })

  it('can be read back', () => {
    fc.assert(
      fc.property(simulatedRun, ({ events }) => {
        const output = new Collected()
        const renderer = eventsNdjson(output, { date })
        for (const event of events) renderer.event(event)
        const time = date().toISOString()
        assert.deepEqual(
          output.lines.map((line): unknown => JSON.parse(line)),
          events.map((event) => ({ time, ...event })),
        )
      }),
      { numRuns: 30 },
    )
  })
})

describe('formatJson', () => {
  it('writes a document on one line and hides userinfo in it', () => {
    assert.equal(
      formatJson({ schemaVersion: 1, destination: 'https://me:hunter2@registry.test' }),
      '{"schemaVersion":1,"destination":"https://***@registry.test"}',
    )
  })
})
