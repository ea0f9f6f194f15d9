/** Characters that a secret must have to be looked for: shorter ones stand in every text. */
const leastLength = 4
/** Characters from which on the beginning of a secret gives it away, as where a server cuts what it quotes. */
const leastBeginning = 12
/** Characters from which on a part of a key file is a secret by itself. */
const leastPart = 40
/** Forms that are remembered; the oldest are forgotten. */
const mostForms = 8192

/** What stands for a secret in a text. */
const mask = '***'

/** Every form that is looked for, in lower case; true for one that no text of ours has by chance. */
const forms = new Map<string, boolean>()
/** The same by their first characters, so that a search takes time that is linear in the text. */
const byStart = new Map<string, Set<string>>()

function lowerCase(text: string): string {
  // unlike toLowerCase, this keeps every character at its place
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

function start(form: string): string {
  return form.slice(0, leastLength)
}

function remember(text: string): void {
  const form = lowerCase(text)
  if (form.length < leastLength || forms.has(form)) return
  // Words and names are passwords too, of people who test, and stand in our own sentences.
  forms.set(form, text.length >= 6 && /[^A-Za-z]|[a-z][A-Z]/.test(text))
  byStart.set(start(form), (byStart.get(start(form)) ?? new Set()).add(form))
  const [oldest] = forms.keys()
  if (forms.size <= mostForms || oldest === undefined) return
  forms.delete(oldest)
  byStart.get(start(oldest))?.delete(oldest)
}

/** From now on this secret, a password or a token that is sent somewhere, is masked in every message; with a user also in base64 and behind `user:`. */
export function rememberSecret(secret: string, user?: string): void {
  // What has the form of credentials is masked without being known.
  if (maskSecrets(secret) === mask) return
  remember(secret.trim())
  for (const sent of user === undefined ? [] : [secret, `${user}:${secret}`]) {
    remember(Buffer.from(sent).toString('base64url'))
    remember(Buffer.from(sent).toString('base64').replace(/=+$/, ''))
  }
  for (const part of secret.split(/\\n|[\s"\\]/)) if (part.length >= leastPart) remember(part)
}

function commonLength(form: string, text: string, at: number): number {
  let length = 0
  while (length < form.length && form[length] === text[at + length]) length++
  return length
}

/** Where secrets stand in a text; with `isForeign` those too that text of ours may have by chance. */
function* placesIn(text: string, isForeign: boolean): Generator<readonly [from: number, to: number]> {
  const lower = lowerCase(text)
  for (let at = 0; at + leastLength <= lower.length; at++) {
    const candidates = byStart.get(lower.slice(at, at + leastLength))
    if (candidates === undefined) continue
    let longest = 0
    for (const form of candidates) {
      if (!isForeign && forms.get(form) !== true) continue
      const length = commonLength(form, lower, at)
      if (length === form.length || length >= leastBeginning) longest = Math.max(longest, length)
    }
    if (longest === 0) continue
    yield [at, at + longest]
    at += longest - 1
  }
}

/** A word with what JSON, URLs and HTML write in place of characters undone. */
function decodings(word: string): readonly string[] {
  const character = (code: string, radix: number): string => String.fromCodePoint(Math.min(Number.parseInt(code, radix), 0x10ffff))
  const decodeUrl = (text: string): string =>
    text.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString('utf8'))
  return [
    decodeUrl(word),
    decodeUrl(word.replaceAll('+', ' ')),
    word.replace(/\\(?:u([0-9a-f]{4})|(.))/gi, (_, code: string | undefined, other: string) =>
      code === undefined ? other : character(code, 16),
    ),
    word
      .replace(/&#(?:x([0-9a-f]{1,6})|([0-9]{1,7}));/gi, (_, hex: string | undefined, code: string) =>
        hex === undefined ? character(code, 10) : character(hex, 16),
      )
      .replace(/&(amp|lt|gt|quot);/g, (_, name: 'amp' | 'lt' | 'gt' | 'quot') => ({ amp: '&', lt: '<', gt: '>', quot: '"' })[name]),
  ]
}

/** What follows Basic or Bearer, and what is JSON in base64: tokens, and the header in which a Docker Engine is sent credentials. */
const credentials = /\b(basic|bearer)((?:\s|[+:="'[(]|%20)+)([\w.~+/-]{4,}=*)|\beyJ[\w.=-]{16,}/gi
/** What follows those words in a sentence, or in a challenge. */
const prose = /^(?:[A-Z]?[a-z/_-]+|[A-Z/_-]+)[.=]?$/

function maskIn(text: string, isForeign: boolean): string {
  const shown = text.replace(credentials, (all, scheme: string | undefined, between: string | undefined, value: string | undefined) =>
    value === undefined ? mask : prose.test(value) ? all : `${scheme}${between}${mask}`,
  )
  if (forms.size === 0) return shown
  let masked = ''
  let done = 0
  for (const [from, to] of placesIn(shown, isForeign)) {
    masked += shown.slice(done, from) + mask
    done = to
  }
  masked += shown.slice(done)
  const hides = (word: string): boolean => decodings(word).some((text) => placesIn(text, isForeign).next().done === false)
  return masked.replace(/\S+/g, (word) => (/[%\\&]/.test(word) && hides(word) ? mask : word))
}

/** A message of ours without what it may quote: the secrets in use, and everything that has the form of credentials. */
export function maskSecrets(text: string): string {
  return maskIn(text, false)
}

/** The same for text of others, in which passwords are masked too that are words. */
export function maskForeign(text: string): string {
  return maskIn(text, true)
}
