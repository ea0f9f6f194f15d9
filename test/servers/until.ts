import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

const patience = 30_000

/** Waits for what comes by itself; fails after 30 seconds with what was read last. */
export async function until<T>(read: () => T | Promise<T>, isSo: (value: T) => boolean = (value) => value === true): Promise<void> {
  for (const deadline = performance.now() + patience; ;) {
    const value = await read()
    if (isSo(value)) return
    assert.ok(performance.now() < deadline, `${String(read)} gives ${JSON.stringify(value)}`)
    // what is waited for often happens in another process, which needs the processor
    await sleep(2)
  }
}
