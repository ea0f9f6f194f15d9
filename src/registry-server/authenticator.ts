import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { MirrorError } from '../errors.ts'
import { startBcryptThread } from './bcrypt-thread.ts'
import { FairQueue } from './fair-queue.ts'
import type { PasswordHashes } from './htpasswd.ts'
import { Refusal } from './reply.ts'

/** The result of a login: `busy` means that too many other logins wait. */
export type Login = { readonly user: string } | 'refused' | 'busy'

/** Who sends credentials. */
export interface LoginClient {
  /** The address of the client, or of the proxy before it. */
  readonly address: string
  /** True once the client has closed its connection. */
  isGone(): boolean
}

interface Waiting {
  readonly id: string
  readonly user: string
  readonly password: string
  readonly clients: LoginClient[]
  readonly login: Promise<Login>
  readonly settle: (login: Login | Promise<Login>) => void
}

const maxWaiting = 512
const maxRefused = 1000

function parseBasic(header: string): { readonly user: string; readonly password: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header)?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  return colon === -1 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** A hash that matches no password, at the highest cost in use, so that an unknown user takes as long as a known one. */
function decoyOf(hashes: PasswordHashes): string {
  const costs = [...hashes.values()].map((hash) => hash.slice(4, 6))
  return `$2b$${costs.toSorted().at(-1) ?? '10'}$${'.'.repeat(53)}`
}

/** The addresses that share one turn: an IPv4 address, or the 64-bit prefix of an IPv6 site. */
function siteOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address.replace(/^.*:/, '')
  const [head = '', tail = ''] = address.split('::')
  const [before, after] = [head, tail].map((side) => side.split(':').filter((group) => group !== '')) as [string[], string[]]
  const between = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0')
  return [...before, ...between, ...after].slice(0, 4).join(':')
}

/** A password, and the bcrypt hash to compare it with. */
export interface Comparison {
  readonly password: string
  readonly hash: string
}

/** Compares passwords in its own thread, one at a time, because a comparison takes up to seconds of processor time. The first one starts the thread. */
class PasswordThread implements Disposable {
  #worker: Worker | undefined

  #start(): Worker {
    const worker = startBcryptThread()
    // The next comparison starts another one; without a listener, an error would end the process.
    worker.on('error', () => {
      if (this.#worker === worker) this.#worker = undefined
    })
    return worker
  }

  /** True for the right password; only one comparison may run at a time. */
  async compare(comparison: Comparison): Promise<boolean> {
    const worker = (this.#worker ??= this.#start())
    worker.ref()
    try {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
      worker.postMessage(comparison)
      const [isRight] = (await once(worker, 'message')) as [boolean]
      return isRight
    } catch (cause) {
      throw new MirrorError('LOCAL_IO', 'cannot compare passwords', { cause })
    } finally {
      // An idle thread must not keep the process alive.
      worker.unref()
    }
  }

  [Symbol.dispose](): void {
    void this.#worker?.terminate()
  }
}

/** Compares Basic credentials with bcrypt hashes. Credentials that were right before are accepted at once; known users and unknown names take turns, by address and by name. */
export class Authenticator implements Disposable {
  #hashes: PasswordHashes
  #decoy: string
  readonly #key = randomBytes(32)
  readonly #thread = new PasswordThread()
  readonly #users = new FairQueue<Waiting>(maxWaiting)
  readonly #strangers = new FairQueue<Waiting>(maxWaiting)
  #isTurnOfUsers = false
  /** A keyed hash of the right credentials of each user; no password is kept. */
  #proved = new Map<string, string>()
  #refused = new Set<string>()
  #waiting = new Map<string, Waiting>()
  #isComparing = false

  constructor(hashes: PasswordHashes) {
    this.#hashes = hashes
    this.#decoy = decoyOf(hashes)
  }

  /** Replaces the users, and forgets every result except those of users whose hash did not change. */
  replace(hashes: PasswordHashes): void {
    for (const user of this.#proved.keys()) if (hashes.get(user) !== this.#hashes.get(user)) this.#proved.delete(user)
    this.#hashes = hashes
    this.#decoy = decoyOf(hashes)
    this.#refused = new Set()
    this.#waiting = new Map()
  }

  /** Checks the Authorization header of a request; rejects when passwords cannot be compared. */
  async login(header: string | undefined, client: LoginClient): Promise<Login> {
    const given = header === undefined ? undefined : parseBasic(header)
    if (given === undefined) return 'refused'
    const { user, password } = given
    const id = createHmac('sha256', this.#key).update(`${user}:${password}`).digest('base64')
    if (this.#proved.get(user) === id) return { user }
    if (this.#refused.has(id)) return 'refused'
    const waiting = this.#waiting.get(id)
    if (waiting !== undefined) {
      waiting.clients.push(client)
      return waiting.login
    }
    let settle: Waiting['settle'] = () => undefined
    const login = new Promise<Login>((resolve) => (settle = resolve))
    const added = { id, user, password, clients: [client], login, settle }
    this.#waiting.set(id, added)
    const dropped = (this.#hashes.has(user) ? this.#users : this.#strangers).add([siteOf(client.address), user], added)
    if (dropped !== undefined) this.#settle(dropped, 'busy')
    if (!this.#isComparing) void this.#compareAll()
    return login
  }

  [Symbol.dispose](): void {
    this.#thread[Symbol.dispose]()
  }

  #settle(waiting: Waiting, login: Login | Promise<Login>): void {
    if (this.#waiting.get(waiting.id) === waiting) this.#waiting.delete(waiting.id)
    waiting.settle(login)
  }

  /** Known and unknown names take turns, so that requests for unknown names cannot delay users. */
  #take(): Waiting | undefined {
    this.#isTurnOfUsers = !this.#isTurnOfUsers
    const [first, second] = this.#isTurnOfUsers ? [this.#users, this.#strangers] : [this.#strangers, this.#users]
    return first.take() ?? second.take()
  }

  async #compareAll(): Promise<void> {
    this.#isComparing = true
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      const login = next.clients.every((client) => client.isGone()) ? Promise.resolve<Login>('busy') : this.#compare(next)
      await login.catch(() => undefined)
      this.#settle(next, login)
    }
    this.#isComparing = false
  }

  async #compare({ id, user, password }: Waiting): Promise<Login> {
    const hashes = this.#hashes
    const hash = hashes.get(user)
    const isRight = (await this.#thread.compare({ password, hash: hash ?? this.#decoy })) && hash !== undefined
    if (this.#hashes === hashes) {
      if (isRight) this.#proved.set(user, id)
      else this.#refused.add(id)
      const [oldest] = this.#refused
      if (oldest !== undefined && this.#refused.size > maxRefused) this.#refused.delete(oldest)
    }
    return isRight ? { user } : 'refused'
  }
}

/** The refusal of missing or wrong credentials, and of a busy login. */
export function refuseLogin(login: 'refused' | 'busy'): Refusal {
  return login === 'busy'
    ? new Refusal(429, { code: 'TOOMANYREQUESTS', message: 'too many logins at once' }, { 'retry-after': 2 })
    : new Refusal(401, { code: 'UNAUTHORIZED', message: 'authentication required' }, { 'www-authenticate': 'Basic realm="k3s-mirror"' })
}
