import { randomUUID } from 'node:crypto'
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isMirrorError, MirrorError, type ErrorCode } from '../errors.ts'
import { parseJsonObject } from '../oci/json-object.ts'
import { livingClaims, staleMilliseconds } from './layout-claim.ts'
import { errnoOf, isThere, withLocalIo } from './local-io.ts'
import { replaceFile } from './replace-file.ts'

// Files in the claim of a writer: they vanish with it, and reach it over a network file system and into a container too.
const answering = 'answers-gc'
const [asked, running, answered] = ['gc-asked-', 'gc-running-', 'gc-answered-'] as const

const lookMilliseconds = 300
/** A writer that has not begun by then does not respond. */
const patienceMilliseconds = 15_000

/** What another process asks the writer of a layout for. */
export interface CollectionRequest {
  readonly dryRun: boolean
  /** The writer's own grace period where it is left out. */
  readonly graceMilliseconds?: number
}

/** The answers of a writer to requests of other processes. */
export interface CollectionAnswers {
  /** Answers no more, once the request under way is answered. */
  close(): Promise<void>
}

/** Answers requests for a collection that other processes leave in this writer's claim, one after the other. */
export async function answerCollections(
  claimDirectory: string,
  collect: (request: CollectionRequest) => Promise<object>,
): Promise<CollectionAnswers> {
  await withLocalIo('write', claimDirectory, () => writeFile(join(claimDirectory, answering), ''))
  let isClosed = false
  const answer = async (id: string): Promise<void> => {
    const path = join(claimDirectory, `${running}${id}`)
    await rename(join(claimDirectory, `${asked}${id}`), path)
    const { dryRun, graceMilliseconds } = parseJsonObject(await readFile(path, 'utf8')) ?? {}
    const request = { dryRun: dryRun !== false, ...(typeof graceMilliseconds === 'number' && { graceMilliseconds }) }
    const reply = await collect(request).then(
      (report) => ({ report }),
      (error: unknown) => ({ error: summaryOf(error) }),
    )
    const temporary = join(claimDirectory, `gc-new-${id}`)
    await replaceFile(join(claimDirectory, `${answered}${id}`), JSON.stringify(reply), { temporary, durable: false })
    await rm(path, { force: true })
  }
  const look = async (): Promise<void> => {
    for (const name of await readdir(claimDirectory)) if (name.startsWith(asked) && !isClosed) await answer(name.slice(asked.length))
  }
  let looking = Promise.resolve()
  const timer = setInterval(() => {
    // A claim that is lost answers nothing, and a request may be taken back at any moment.
    looking = looking.then(look).catch(() => undefined)
  }, lookMilliseconds).unref()
  return {
    close: async () => {
      isClosed = true
      clearInterval(timer)
      await looking
      await rm(join(claimDirectory, answering), { force: true }).catch(() => undefined)
    },
  }
}

function summaryOf(error: unknown): object {
  if (!isMirrorError(error)) return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) }
  return { code: error.code, message: error.message, hint: error.hint }
}

/** The claim of a writer that answers requests; undefined without such a writer. */
async function findAnswering(privateDirectory: string): Promise<string | undefined> {
  for (const name of await livingClaims(privateDirectory)) {
    const claim = join(privateDirectory, name)
    if (await isThere(join(claim, answering))) return claim
  }
  return undefined
}

/** Throws once the claim is gone or its writer has not touched it for long. */
function watchClaim(claim: string): () => Promise<boolean> {
  let touched: number | undefined
  let seenAt = performance.now()
  return async () => {
    const facts = await stat(claim).catch(() => undefined)
    if (facts === undefined || !(await livingClaims(dirname(claim))).includes(basename(claim))) return false
    if (facts.mtimeMs !== touched) seenAt = performance.now()
    touched = facts.mtimeMs
    return performance.now() - seenAt < staleMilliseconds
  }
}

/** Asks the process that is writing to a layout to collect garbage, and waits for its report; undefined where no writer answers, or it has ended. Throws what the writer reports. */
export async function requestCollection(
  privateDirectory: string,
  request: CollectionRequest,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const claim = await findAnswering(privateDirectory)
  if (claim === undefined) return undefined
  const id = randomUUID()
  const [question, answer] = [join(claim, `${asked}${id}`), join(claim, `${answered}${id}`)]
  const isAlive = watchClaim(claim)
  const startedAt = performance.now()
  try {
    await replaceFile(question, JSON.stringify(request), { temporary: join(claim, `gc-new-${id}`), durable: false })
    for (;;) {
      const text = await readFile(answer, 'utf8').catch(() => undefined)
      if (text !== undefined) return readReply(text)
      const isLate = performance.now() - startedAt > patienceMilliseconds && (await isThere(question))
      if (isLate || !(await isAlive())) return undefined
      await delay(lookMilliseconds, undefined, { signal })
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw isMirrorError(error) || signal?.aborted === true ? error : await withLocalIo('write', claim, () => Promise.reject(error as Error))
  } finally {
    for (const path of [question, answer]) await rm(path, { force: true }).catch(() => undefined)
  }
}

function readReply(text: string): Readonly<Record<string, unknown>> {
  const { report, error } = (parseJsonObject(text) ?? {}) as {
    readonly report?: Readonly<Record<string, unknown>>
    readonly error?: { readonly code: ErrorCode; readonly message: string; readonly hint?: string }
  }
  if (report !== undefined) return report
  throw new MirrorError(error?.code ?? 'INTERNAL', error?.message ?? 'the answer of the writing process is invalid', { hint: error?.hint })
}
