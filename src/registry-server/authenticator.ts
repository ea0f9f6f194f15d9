import { createHmac, randomBytes } from 'node:crypto'
import pLimit from 'p-limit'
import type { PasswordHashes } from './htpasswd.ts'
import { refusal, type Reply } from './reply.ts'

/** What became of a request's credentials: `busy` means that too many others wait to be compared. */
export type Login = { readonly user: string } | 'refused' | 'busy'

const maxWaiting = 32
const maxRemembered = 1000

function parseBasic(header: string): { readonly user: string; readonly password: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header)?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  return colon === -1 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** A hash that no password has, at the highest cost in use, so that an unknown user takes as long as a known one. */
function decoyOf(hashes: PasswordHashes): string {
  const costs = [...hashes.values()].map((hash) => hash.slice(4, 6))
  return `$2b$${costs.toSorted().at(-1) ?? '10'}$${'.'.repeat(53)}`
}

/**
 * Compares the Basic credentials of requests with bcrypt hashes, one comparison at a time because each keeps the process busy.
 * An answer is remembered by a keyed hash of the header, so that the many requests of a pull cost one comparison.
 */
export class Authenticator {
  #hashes: PasswordHashes
  #decoy: string
  readonly #key = randomBytes(32)
  readonly #limit = pLimit(1)
  /** Loaded at once: a process that has no descriptor left loads nothing. */
  readonly #bcrypt = import('bcryptjs')
  #proved = new Map<string, string>()
  #refused = new Set<string>()
  #comparing = new Map<string, Promise<Login>>()

  constructor(hashes: PasswordHashes) {
    this.#hashes = hashes
    this.#decoy = decoyOf(hashes)
  }

  /** Takes other users in place of those so far, and forgets every answer. */
  replace(hashes: PasswordHashes): void {
    this.#hashes = hashes
    this.#decoy = decoyOf(hashes)
    this.#proved = new Map()
    this.#refused = new Set()
    this.#comparing = new Map()
  }

  /** Judges the Authorization header of a request. */
  async login(header: string | undefined): Promise<Login> {
    if (header === undefined) return 'refused'
    const id = createHmac('sha256', this.#key).update(header).digest('base64')
    const user = this.#proved.get(id)
    if (user !== undefined) return { user }
    if (this.#refused.has(id)) return 'refused'
    const under = this.#comparing.get(id)
    if (under !== undefined) return under
    if (this.#limit.pendingCount >= maxWaiting) return 'busy'
    const comparing = this.#comparing
    const login = this.#limit(() => this.#compare(header, id))
    comparing.set(id, login)
    try {
      return await login
    } finally {
      comparing.delete(id)
    }
  }

  async #compare(header: string, id: string): Promise<Login> {
    const hashes = this.#hashes
    const [proved, refused] = [this.#proved, this.#refused]
    const given = parseBasic(header)
    if (given === undefined) return 'refused'
    const { compare } = await this.#bcrypt
    const hash = hashes.get(given.user)
    const isRight = await compare(given.password, hash ?? this.#decoy)
    if (isRight && hash !== undefined) {
      // One user has few spellings of one header; whoever tries more of them is compared again.
      if (proved.size >= maxRemembered) proved.clear()
      proved.set(id, given.user)
      return { user: given.user }
    }
    if (refused.size >= maxRemembered) refused.clear()
    refused.add(id)
    return 'refused'
  }
}

/** The answer to credentials that are missing, wrong, or not compared yet. */
export function refuseLogin(login: 'refused' | 'busy'): Reply {
  if (login === 'busy') return refusal(429, { code: 'TOOMANYREQUESTS', message: 'too many log-ins at once' }, { 'retry-after': 2 })
  return refusal(401, { code: 'UNAUTHORIZED', message: 'authentication required' }, { 'www-authenticate': 'Basic realm="k3s-mirror"' })
}
