/** Characters that a secret must have to be looked for: shorter ones stand in every text. */
const leastLength = 4
/** The same for what is made of a secret, which is longer and of any letters. */
const leastDerived = 6
/** Characters of a secret, or of what is made of one, that give it away wherever they stand together. */
const windowLength = 12
/** Characters from which on a secret is so long that not each of its windows is remembered. */
const longLength = 1024
/** How far the windows of a long secret are apart; each run of `windowLength + longStep - 1` characters has one. */
const longStep = 4
/** Windows of tokens after which those of older tokens are forgotten. */
const mostWindows = 2 ** 18
/** How many layers of escapes are undone, as in JSON that is quoted in a URL. */
const layers = 2

/** What stands for a secret in a text. */
const mask = '***'

/** Windows of secrets, and secrets shorter than one, in lower case; true for one that no text of ours has by chance. */
type Windows = Map<string, boolean>
const ofPasswords: Windows = new Map()
let ofTokens: Windows = new Map()
let ofOlderTokens: Windows = new Map()
/** Where a slot is 0 no window has its hash, which saves most of the look-ups. */
const hashes = new Uint8Array(2 ** 22)
/** How secrets begin that are shorter than a window. */
const beginnings = new Set<string>()

/** A text with the positions of its characters in the text it was made of. */
interface View {
  readonly text: string
  readonly from: Int32Array
  readonly to: Int32Array
}

/** Replaces what matches by something no longer. */
function replaced(view: View, pattern: RegExp, replacement: (found: RegExpExecArray) => string): View {
  const from = new Int32Array(view.text.length)
  const to = new Int32Array(view.text.length)
  let [text, done, length] = ['', 0, 0]
  const copy = (end: number): void => {
    text += view.text.slice(done, end)
    from.set(view.from.subarray(done, end), length)
    to.set(view.to.subarray(done, end), length)
    length += end - done
  }
  for (const found of view.text.matchAll(pattern)) {
    copy(found.index)
    done = found.index + found[0].length
    const written = replacement(found)
    text += written
    from.fill(view.from[found.index] ?? 0, length, length + written.length)
    to.fill(view.to[done - 1] ?? 0, length, length + written.length)
    length += written.length
  }
  copy(view.text.length)
  return { text, from, to }
}

/** What stands in place of a character in URLs, JSON, HTML and the strings of programs; a multi-byte character of UTF-8 as one. */
const escapes =
  /((?:%|\\x)[c-f][\da-f](?:(?:%|\\x)[89ab][\da-f]){1,3}|(?:%|\\x)[\da-f]{2})|(?:[\\%]u([\da-f]{4})|\\u\{([\da-f]+)\}|&#x([\da-f]+);?)|&#(\d+);?|&(amp|lt|gt|quot|apos|nbsp);|\\(.)/gi
const named: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  f: '\f',
}

function unescaped([, bytes, unit, point, hex, decimal, name, other]: RegExpExecArray): string {
  if (bytes !== undefined) {
    const digits = bytes.replace(/%|\\x/gi, '')
    return Buffer.from(digits, 'hex').toString(digits.length > 2 ? 'utf8' : 'latin1')
  }
  if (name !== undefined) return named[name.toLowerCase()] ?? ' '
  if (other !== undefined) return named[other] ?? other
  const code = decimal === undefined ? Number.parseInt(unit ?? point ?? hex ?? '', 16) : Number.parseInt(decimal, 10)
  return String.fromCodePoint(Math.min(code, 0x10ffff))
}

/** What wraps a text or separates the bytes of hex: nothing of a secret that counts. */
const separators = /[\s\p{Cc}\p{Cf}]+|(?<=[\da-f]{2})[:-](?=[\da-f]{2})/giu

function oneAlphabet(text: string): string {
  return text.replaceAll('-', '+').replaceAll('_', '/')
}

function lowerCase(text: string): string {
  // unlike toLowerCase, this keeps every character at its position
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

function hashAt(text: string, at: number): number {
  let hash = 0
  for (let next = at; next < at + windowLength; next++) hash = Math.imul(hash ^ text.charCodeAt(next), 0x9e3779b1) ^ (hash >>> 15)
  return hash >>> 10
}

function remember(windows: Windows, text: string, least: number): void {
  const form = oneAlphabet(text.replace(separators, ''))
  if (form.length < least) return
  const lower = lowerCase(form)
  const set = (at: number): void => {
    const window = form.slice(at, at + windowLength)
    const key = lower.slice(at, at + windowLength)
    // Words and names are passwords too, of people who test, and stand in our own sentences.
    const isDistinct = window.length >= leastDerived && /[^A-Za-z]|[a-z][A-Z]/.test(window)
    windows.set(key, isDistinct || windows.get(key) === true)
    if (window.length === windowLength) hashes[hashAt(lower, at)] = 1
    else beginnings.add(key.slice(0, leastLength))
  }
  const last = Math.max(0, form.length - windowLength)
  const step = form.length > longLength ? longStep : 1
  for (let at = 0; at < last; at += step) set(at)
  set(last)
}

/** Hex, and the base64 of a text in which the bytes stand: at each of the three positions that they can have in it. */
function encodings(text: string): readonly string[] {
  const bytes = Buffer.from(text)
  const base64 = [0, 1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .slice(before === 0 ? 0 : before + 1)
      // what follows the bytes changes the last character
      .replace(/.=+$/, ''),
  )
  return [bytes.toString('hex'), bytes.toString('base64').replace(/=+$/, ''), ...base64]
}

/** What a secret is found by in a text. A key file has names of projects and hosts that stand in messages too: of it, its key is looked for. */
function soughtOf(secret: string): readonly string[] {
  const keys = /^\s*\{/.test(secret) ? secret.split(/\\n|[\s"\\]/).filter((word) => /^[\w+/=-]{40,}$/.test(word)) : []
  return keys.length > 0 ? keys : [secret.trim(), secret.replaceAll(' ', '+')]
}

/** Secrets whose windows have not been needed yet: most runs mask nothing, and a long token takes milliseconds. */
let pending: (readonly [secret: string, user: string | undefined])[] = []

/** From now on this secret, a password or a token that is sent somewhere, is masked in every message, as are its parts and what is made of it; with a user also what is made of `user:secret`. */
export function rememberSecret(secret: string, user?: string): void {
  pending.push([secret, user])
}

function index(secret: string, user: string | undefined): void {
  if (user === undefined && ofTokens.size >= mostWindows) {
    ofOlderTokens = ofTokens
    ofTokens = new Map()
  }
  const windows = user === undefined ? ofTokens : ofPasswords
  for (const sought of soughtOf(secret)) remember(windows, sought, leastLength)
  const sent = secret.length < leastLength ? [] : [secret, JSON.stringify(secret).slice(1, -1)]
  // the header itself too, which is base64 already
  if (user !== undefined) sent.push(`${user}:${secret}`, Buffer.from(`${user}:${secret}`).toString('base64'))
  for (const text of new Set(sent)) for (const encoded of encodings(text)) remember(windows, encoded, leastDerived)
}

function isKnown(window: string, isForeign: boolean): boolean {
  const isDistinct = ofPasswords.get(window) ?? ofTokens.get(window) ?? ofOlderTokens.get(window)
  return isDistinct !== undefined && (isForeign || isDistinct)
}

/** How much of a text is of a secret from a position on: a window, or a whole secret that is shorter. */
function knownLength(text: string, at: number, isForeign: boolean): number {
  if (at + windowLength <= text.length && hashes[hashAt(text, at)] === 1 && isKnown(text.slice(at, at + windowLength), isForeign)) {
    return windowLength
  }
  if (!beginnings.has(text.slice(at, at + leastLength))) return 0
  for (let length = Math.min(windowLength - 1, text.length - at); length >= leastLength; length--) {
    if (isKnown(text.slice(at, at + length), isForeign)) return length
  }
  return 0
}

/** Marks the characters of which a secret is made; with `isForeign` those too that text of ours may have by chance. */
function mark(view: View, isForeign: boolean, marks: Uint8Array): void {
  const { text, from, to } = replaced(view, separators, () => '')
  const searched = lowerCase(oneAlphabet(text))
  let done = 0
  for (let at = 0; at + leastLength <= searched.length; at++) {
    const length = knownLength(searched, at, isForeign)
    if (length === 0) continue
    const end = to[at + length - 1] ?? 0
    marks.fill(1, Math.max(done, from[at] ?? 0), end)
    done = Math.max(done, end)
  }
}

/** What follows Basic or Bearer, and what is JSON in base64: tokens, and the header in which a Docker Engine is sent credentials. */
const credentials = /\b(basic|bearer)((?:\s|[+:="'[(]|%20)+)([\w.~+/-]{4,}=*)|\beyJ[\w.=-]{16,}/gi
/** What follows those words in a sentence, or in a challenge. */
const prose = /^(?:[A-Z]?[a-z/_-]+|[A-Z/_-]+)[.=]?$/

function maskIn(text: string, isForeign: boolean): string {
  const shown = text.replace(credentials, (all, scheme: string | undefined, between: string | undefined, value: string | undefined) =>
    value === undefined ? mask : prose.test(value) ? all : `${scheme}${between}${mask}`,
  )
  for (const [secret, user] of pending) index(secret, user)
  pending = []
  if (ofPasswords.size + ofTokens.size === 0) return shown
  const marks = new Uint8Array(shown.length)
  const from = new Int32Array(shown.length).map((_, at) => at)
  let view: View = { text: shown, from, to: from.map((at) => at + 1) }
  mark(view, isForeign, marks)
  for (let layer = 0; layer < layers && /[%\\&]/.test(view.text); layer++) {
    view = replaced(view, escapes, unescaped)
    mark(view, isForeign, marks)
  }
  let masked = ''
  for (let at = 0; at < shown.length;) {
    const found = marks[at] === 1
    const next = marks.indexOf(found ? 0 : 1, at)
    const end = next === -1 ? shown.length : next
    masked += found ? mask : shown.slice(at, end)
    at = end
  }
  return masked
}

/** A message of ours without what it may quote: the secrets in use, and everything that has the form of credentials. */
export function maskSecrets(text: string): string {
  return maskIn(text, false)
}

/** The same for text of others, in which passwords are masked too that are words. */
export function maskForeign(text: string): string {
  return maskIn(text, true)
}
