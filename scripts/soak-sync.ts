/**
 * Runs the built `sync --watch` for many intervals of a second against a channel that moves: `npm run soak:sync -- [intervals]`.
 * Ends with 1 where a release is mirrored late, two runs overlap, SIGTERM does not end it with 0, or memory or descriptors grow.
 */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { syncWorld } from '../test/cli/sync-world.ts'
import { openFiles } from '../test/servers/open-files.ts'

const intervals = Number(process.argv[2] ?? 500)
/** Intervals between two releases, and between two lines. */
const releaseEvery = 50
const printEvery = 50
/** Intervals between two runs that take longer than an interval. */
const slowEvery = 25
/** Intervals after which memory counts: until then code is loaded and compiled. */
const warmUp = Math.min(100, Math.floor(intervals / 2))
const spareBytes = 32 * 1024 ** 2
const spareDescriptors = 4

function check(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what)
}

/** What a process holds between two runs: the least of several looks. */
async function heldBy(pid: number): Promise<{ readonly memory: number; readonly descriptors: number }> {
  let [memory, descriptors] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let look = 0; look < 20; look++, await sleep(50)) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    memory = Math.min(memory, Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024)
    descriptors = Math.min(descriptors, (await openFiles(pid)).length)
  }
  return { memory, descriptors }
}

await using world = await syncWorld()
await world.config('  - name: k3s\n    releases: stable')
const [destination] = world.destinations
/** Runs that have begun: each asks for the channel first. */
const begun = (): number => world.asked.filter((path) => path === '/channels/stable').length
let slowest = 0
let overlaps = 0
world.source.intercept = async ({ kind }) => {
  const run = begun()
  if (kind !== 'manifest-head' || run % slowEvery !== 0 || run === slowest) return false
  slowest = run
  await sleep(1500)
  // This run is not over, so the next one must not have begun.
  if (begun() !== run) overlaps++
  return false
}
const watching = await world.start(['--watch', '--interval', '1s', '--quiet'], { timeout: intervals * 4000 + 60_000 })
const pid = watching.child.pid ?? 0
let measured: { readonly memory: number; readonly descriptors: number } | undefined
let releases = 0
for (let printed = 0; begun() <= intervals || begun() === slowest; await sleep(50)) {
  const now = begun()
  if (now >= (releases + 1) * releaseEvery) {
    const name = `image-${++releases}`
    world.release(`v1.37.${releases}+k3s1`, ['one', name])
    world.channel(`v1.37.${releases}+k3s1`)
    while (!destination.manifests.has(`mirror/rancher/${name}:1`)) {
      check(begun() <= now + 3, `${name} is not mirrored after two intervals`)
      await sleep(20)
    }
  }
  if (now >= printed + printEvery) {
    printed = now
    const held = await heldBy(pid)
    console.log(`${now} intervals: ${(held.memory / 1024 ** 2).toFixed(1)} MiB, ${held.descriptors} descriptors, ${releases} releases`)
    if (now >= warmUp) measured ??= held
  }
}
const { memory, descriptors } = await heldBy(pid)
watching.child.kill('SIGTERM')
const { status, stderr } = await watching.finished
check(status === 0, `the program ended with ${status}: ${stderr}`)
check(overlaps === 0, `${overlaps} runs began while another one was in progress`)
check(intervals < slowEvery || slowest > 0, 'no run was slow')
check(memory - (measured?.memory ?? memory) < spareBytes, `memory has grown from ${measured?.memory} to ${memory} bytes`)
check(descriptors - (measured?.descriptors ?? descriptors) <= spareDescriptors, `${descriptors} descriptors are open`)
console.log(`ok: ${begun()} intervals, ${releases} releases, ${(memory / 1024 ** 2).toFixed(1)} MiB`)
