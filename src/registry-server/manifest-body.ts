import type { IncomingMessage } from 'node:http'
import pLimit, { type LimitFunction } from 'p-limit'
import { receiveBody } from './receive-body.ts'
import { Refusal } from './reply.ts'

/** The specification requires a registry to accept at least this. */
const maxManifestBytes = 4 * 1024 * 1024

/** Bytes of a large manifest: large ones are rare, and each takes memory and processor time. */
export const largeBytes: number = 256 * 1024

/** Milliseconds for all of a large body, and for silence before the client is given up. */
const patience = { whole: 60_000, silent: 5000 }

/** Large bodies that are received at once, in total and from one address, so that no address can take all slots. */
const slots = pLimit(8)
const slotsPerAddress = 4
const addresses = new Map<string, LimitFunction>()
/** Large bodies that are processed at once. */
const largeUses = pLimit(1)

/** Waits for a slot and resolves with a function that releases it. */
function takeSlot(address: string): Promise<() => void> {
  for (const [known, { activeCount, pendingCount }] of addresses) if (activeCount + pendingCount === 0) addresses.delete(known)
  const own = addresses.get(address) ?? pLimit(slotsPerAddress)
  addresses.set(address, own)
  return new Promise((grant) => {
    void own(() => slots(() => new Promise<void>((release) => grant(release))))
  })
}

/** Receives the manifest of a request and passes it to `use`; refuses more than 4 MiB. A large one holds a slot until `use` ends, and must not stall. */
export async function useManifestBody<T>(request: IncomingMessage, use: (bytes: Uint8Array) => Promise<T>): Promise<T> {
  const refuseLarger = (bytes: number): void => {
    if (bytes > maxManifestBytes)
      throw new Refusal(413, { code: 'SIZE_INVALID', message: `the manifest is larger than ${maxManifestBytes} bytes` })
  }
  refuseLarger(Number(request.headers['content-length'] ?? 0))
  const chunks: Uint8Array[] = []
  const timers: NodeJS.Timeout[] = []
  const stop = (): void => timers.forEach(clearTimeout)
  let size = 0
  let slot: Promise<() => void> | undefined
  const waitForSlot = async (granted: Promise<() => void>): Promise<void> => {
    await granted
    for (const milliseconds of [patience.whole, patience.silent]) timers.push(setTimeout(() => request.destroy(), milliseconds))
  }
  try {
    await receiveBody(request, (chunk) => {
      size += chunk.length
      refuseLarger(size)
      chunks.push(chunk)
      timers.at(-1)?.refresh()
      if (size <= largeBytes || slot !== undefined) return undefined
      slot = takeSlot(request.socket.remoteAddress ?? '')
      return waitForSlot(slot)
    })
    stop()
    const bytes = Buffer.concat(chunks)
    return await (slot === undefined ? use(bytes) : largeUses(() => use(bytes)))
  } finally {
    stop()
    // A body that failed still releases the slot that it waited for.
    ;(await slot)?.()
  }
}
