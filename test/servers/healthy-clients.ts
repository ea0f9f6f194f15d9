import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { endProcess } from './server-process.ts'

/** The server that healthy clients use. */
export interface HealthySetup {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  /** The value of the Authorization header that is right; default: none is sent. */
  readonly authorization?: string
  /** Whether the server takes pushes: without them the catalogue is read where images are pulled otherwise. */
  readonly isWritable?: boolean
}

/** Milliseconds of each round, by what the client does. */
export type HealthySamples = Readonly<Record<string, readonly number[]>>

type Message = { readonly rounds: number } | { readonly samples: HealthySamples } | { readonly failure: string }

/** Rounds of all clients that show how fast the machine is. */
const warmUp = 200
/** Milliseconds that a round may take where an attack costs nothing, in addition to the usual time of the machine. */
const patience = 1500

/** The time within which 99 of 100 clients are served that come at any moment: a round counts for as long as it takes. */
function percentile99(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => b - a)
  let left = sorted.reduce((sum, sample) => sum + sample, 0) / 100
  for (const sample of sorted) {
    left -= sample
    if (left < 0) return sample
  }
  return 0
}

function median(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)] ?? 0
}

/**
 * Attacks a server while four clients in a process of their own use it one round after another: they ask for its health, log in, pull and push.
 * Fails when one of them is refused, or when its 99th percentile is beyond 1.5 seconds and twenty times what half of the rounds took before the attack.
 */
export async function besideHealthyClients(setup: HealthySetup, attack: () => Promise<void>): Promise<void> {
  const program = fileURLToPath(new URL('healthy-clients-process.ts', import.meta.url))
  const child = fork(program, [JSON.stringify(setup)], { execArgv: ['--import', 'tsx'] })
  const failed = new Promise<never>((_resolve, reject) => {
    child.on('message', (message: Message) => 'failure' in message && reject(new Error(`a healthy client failed: ${message.failure}`)))
    child.on('exit', () => reject(new Error('the healthy clients have ended')))
  })
  failed.catch(() => undefined)
  const until = (isIt: (message: Message) => boolean): Promise<Message> =>
    new Promise((resolve) => {
      const see = (message: Message): void => {
        if (!isIt(message)) return
        child.off('message', see)
        resolve(message)
      }
      child.on('message', see)
    })
  const take = async (): Promise<HealthySamples> => {
    const taken = until((message) => 'samples' in message)
    child.send('take')
    const message = await taken
    return 'samples' in message ? message.samples : {}
  }
  const run = async (): Promise<void> => {
    await until((message) => 'rounds' in message && message.rounds >= warmUp)
    const before = await take()
    await attack()
    const after = await take()
    for (const [kind, samples] of Object.entries(after)) {
      const [usual, slow] = [median(before[kind] ?? []), percentile99(samples)]
      assert.ok(
        slow <= patience + 20 * usual,
        `${kind}: ${Math.round(slow)} ms during the attack, ${Math.round(usual)} ms for half of the rounds before it`,
      )
    }
  }
  try {
    await Promise.race([run(), failed])
  } finally {
    await endProcess(child, 1000)
  }
}
