import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ThrottleGate } from '../../src/async/throttle-gate.ts'

test('an open gate is passed at once', async () => {
  const gate = new ThrottleGate()
  const turn = new Promise((resolve) => setImmediate(resolve, 'a turn of the event loop'))
  assert.equal(await Promise.race([gate.pass().then(() => 'the gate'), turn]), 'the gate')
})

// F83
test('everyone waits as long as the server asked, and never shorter because another asked for less', async () => {
  const [gate, shorter] = [new ThrottleGate(), new ThrottleGate()]
  const order: string[] = []
  const pass = async (through: ThrottleGate, name: string): Promise<unknown> => {
    await through.pass()
    return order.push(name)
  }
  shorter.close(100)
  assert.equal(gate.close(300), true)
  assert.equal(gate.close(10), false)
  await Promise.all([pass(shorter, '100 ms'), pass(gate, '300 ms'), pass(gate, '300 ms')])
  assert.deepEqual(order, ['100 ms', '300 ms', '300 ms'])
  assert.equal(gate.close(1), true)
})

test('who waits already waits longer when the server asks for more', async () => {
  const gate = new ThrottleGate()
  gate.close(20)
  const started = performance.now()
  const passed = gate.pass()
  gate.close(80)
  await passed
  assert.ok(performance.now() - started >= 80)
})

test('an abort ends the wait', async () => {
  const gate = new ThrottleGate()
  gate.close(60_000)
  const controller = new AbortController()
  const passed = gate.pass(controller.signal)
  controller.abort()
  await assert.rejects(passed, { name: 'AbortError' })
})

test('a wait beyond what timers know is not a loop', async (t) => {
  const gate = new ThrottleGate()
  gate.close(2 ** 40)
  const controller = new AbortController()
  const warnings: string[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning.name)
  process.on('warning', onWarning)
  t.after(() => process.off('warning', onWarning))
  const passed = gate.pass(controller.signal)
  // a warning comes before the next turn
  await new Promise(setImmediate)
  controller.abort()
  await assert.rejects(passed)
  assert.deepEqual(warnings, [])
})
