import { MirrorError } from '../../errors.ts'
import { foreignText } from '../../text/printable.ts'

/** One challenge of a WWW-Authenticate header: https://www.rfc-editor.org/rfc/rfc9110#name-challenge-and-response */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string
  /** By name in lower case; the first one counts when a name is repeated. */
  readonly parameters: ReadonlyMap<string, string>
  /** The bare value that some schemes have instead of parameters. */
  readonly token68?: string
}

/** Where and for what a Bearer token is asked: https://distribution.github.io/distribution/spec/auth/token/ */
export interface BearerChallenge {
  readonly scheme: 'bearer'
  /** As the server wrote it: a URL, perhaps a relative one, perhaps a hostile one. */
  readonly realm: string
  readonly service?: string
  /** The scopes that the server would have liked, separated by spaces. */
  readonly scope?: string
}

/** A challenge that this package can answer. */
export type UsableChallenge = BearerChallenge | { readonly scheme: 'basic' }

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const equals = /[ \t]*=[ \t]*/y
const quoted = /"((?:[^"\\]|\\.)*)(?:"|$)/sy
const bareValue = /[^\s,"]+/y
const bare68 = /[-._~+/0-9A-Za-z]+=*/y
const end = /[ \t]*(?:,|$)/y
const blank = /[ \t]*/y
const separators = /[ \t,]*/y

class Scanner {
  readonly #text: string
  #at = 0
  /** No token68 ends before this position: what looks like one continues with other characters. */
  #noToken68 = 0

  constructor(text: string) {
    this.#text = text
  }

  get done(): boolean {
    return this.#at >= this.#text.length
  }

  /** The match of a sticky expression at the current position, which moves behind it. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match === null) return undefined
    this.#at = pattern.lastIndex
    return match
  }

  /** A `token68`; undefined, without moving, when something else stands here. */
  token68(): string | undefined {
    const start = this.#at
    const found = start < this.#noToken68 ? undefined : this.take(bare68)?.[0]
    if (found === undefined) return undefined
    end.lastIndex = this.#at
    if (end.test(this.#text)) return found
    this.#noToken68 = this.#at
    this.#at = start
    return undefined
  }

  /** A `name = value`; undefined, without moving, when something else stands here. */
  parameter(): readonly [name: string, value: string] | undefined {
    const start = this.#at
    const name = this.take(token)
    if (name !== undefined && this.take(equals) !== undefined) {
      const text = this.take(quoted)
      if (text !== undefined) return [name[0].toLowerCase(), (text[1] ?? '').replace(/\\(.)/gs, '$1')]
      const value = this.take(bareValue)
      if (value !== undefined) return [name[0].toLowerCase(), value[0]]
    }
    this.#at = start
    return undefined
  }

  skip(): void {
    this.#at++
  }
}

function parseLine(line: string): readonly Challenge[] {
  const scanner = new Scanner(line)
  const challenges: Challenge[] = []
  for (scanner.take(separators); !scanner.done; scanner.take(separators)) {
    const scheme = scanner.take(token)?.[0].toLowerCase()
    if (scheme === undefined) {
      scanner.skip()
      continue
    }
    scanner.take(blank)
    const token68 = scanner.token68()
    const parameters = new Map<string, string>()
    if (token68 === undefined) {
      for (let pair = scanner.parameter(); pair !== undefined; pair = scanner.parameter()) {
        if (!parameters.has(pair[0])) parameters.set(pair[0], pair[1])
        scanner.take(separators)
      }
    }
    challenges.push({ scheme, parameters, ...(token68 !== undefined && { token68 }) })
  }
  return challenges
}

/** Reads the lines of a WWW-Authenticate header; several challenges on one line are separated, and malformed ones are skipped. */
export function parseChallenges(lines: readonly string[]): readonly Challenge[] {
  return lines.flatMap(parseLine)
}

function usable(challenge: Challenge): UsableChallenge | undefined {
  if (challenge.scheme === 'basic') return { scheme: 'basic' }
  const realm = challenge.parameters.get('realm')
  if (challenge.scheme !== 'bearer' || realm === undefined || realm.trim() === '') return undefined
  const service = challenge.parameters.get('service')
  const scope = challenge.parameters.get('scope')
  return { scheme: 'bearer', realm, ...(service !== undefined && { service }), ...(scope !== undefined && { scope }) }
}

/** Picks Bearer before Basic; undefined when there is no challenge at all. Throws UNSUPPORTED when none of them can be answered. */
export function chooseChallenge(challenges: readonly Challenge[], registry: string): UsableChallenge | undefined {
  if (challenges.length === 0) return undefined
  const found = challenges.map(usable).filter((challenge) => challenge !== undefined)
  const choice = found.find(({ scheme }) => scheme === 'bearer') ?? found[0]
  if (choice !== undefined) return choice
  if (challenges.some(({ scheme }) => scheme === 'bearer')) {
    throw new MirrorError('UNSUPPORTED', `${registry} requires a Bearer token, but its challenge has no realm`, {
      hint: 'configure the token server in the challenge, at the registry or the proxy in front of it',
    })
  }
  const names = foreignText([...new Set(challenges.map(({ scheme }) => scheme))].join(', ')).slice(0, 100)
  throw new MirrorError('UNSUPPORTED', `${registry} requires authentication by ${names}, which is unsupported`, {
    hint: 'ask the administrator of the registry to allow Basic or Bearer',
  })
}
