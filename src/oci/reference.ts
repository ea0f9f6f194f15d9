import { isIPv6 } from 'node:net'
import { MirrorError } from '../errors.ts'
import { isDigest, type Digest } from './digest.ts'

/** A repository of a registry: `registry` is `host[:port]` (`docker.io` for Docker Hub), `path` what follows the first slash. */
export interface Repository {
  readonly registry: string
  readonly path: string
}

/** An image's name: https://github.com/distribution/reference/blob/v0.6.0/reference.go. Where both are given the digest decides and the tag is a name. */
export interface Reference extends Repository {
  readonly tag?: string
  readonly digest?: Digest
}

const pathComponent = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const pathGrammar = new RegExp(`^${pathComponent}(?:/${pathComponent})*$`)
const tagGrammar = /^\w[\w.-]{0,127}$/
const domainComponent = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const registryGrammar = new RegExp(`^(?:${domainComponent}(?:\\.${domainComponent})*|\\[[0-9a-fA-F:.]+\\])(?::[0-9]{1,5})?$`)

/** Longest `host:port`: DNS has 253 characters at most. */
const maxRegistryLength = 259
/** Longer than any reference can be: registry, 255 characters of path, 128 of tag and the digest. */
const maxReferenceLength = 1024
const maxShownLength = 300

/** True for `host[:port]` with a DNS name, an IPv4 address or an IPv6 address in brackets. */
export function isRegistry(text: string): boolean {
  if (text.length > maxRegistryLength || !registryGrammar.test(text)) return false
  const port = /:([0-9]+)$/.exec(text.replace(/^\[.*\]/, ''))?.[1]
  if (port !== undefined && Number(port) > 65535) return false
  const literal = /^\[(.*)\]/.exec(text)?.[1]
  // 1.2.3.999 is of the grammar, but no URL can name it; nor, to some versions of Node, broken punycode.
  return literal === undefined ? URL.canParse(`https://${text}`) : isIPv6(literal)
}

/** True for a repository path of the distribution grammar, without the registry. */
export function isRepositoryPath(text: string): boolean {
  return text.length <= 255 && pathGrammar.test(text)
}

/** True for a tag of the distribution grammar. */
export function isTag(text: string): boolean {
  return tagGrammar.test(text)
}

/** Text for a message: control and non-ASCII characters shown as escapes, length bounded, a password never shown. */
function shown(text: string): string {
  const isCut = text.length > maxShownLength
  const printable = text.slice(0, maxShownLength).replace(/[^\x20-\x7e]/gu, (c) => {
    const code = c.codePointAt(0) ?? 0
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
  // The "@" that ends a password may have been cut off.
  const userinfo = isCut ? /(?<![^/\s@])[^/\s@:]*:[^/\s]*(?:@(?!sha256:|sha512:)|$)/ : /(?<![^/\s@])[^/\s@:]*:[^/\s]*@(?!sha256:|sha512:)/
  const safe = printable.replace(userinfo, '***@')
  return isCut || safe.length > maxShownLength ? `${safe.slice(0, maxShownLength)}…` : safe
}

function refuse(text: string, why: string, hint?: string): never {
  throw new MirrorError('INVALID_REFERENCE', `invalid image reference "${shown(text)}": ${why}`, { hint })
}

/** Splits off the registry by Docker's rule: what stands before the first slash is one when it has a dot, a colon or an upper-case letter, or is localhost. */
function splitRegistry(name: string): Repository {
  const slash = name.indexOf('/')
  const first = name.slice(0, slash)
  if (slash === -1 || (!/[.:[\]]/.test(first) && first !== 'localhost' && first === first.toLowerCase())) {
    return { registry: 'docker.io', path: slash === -1 ? `library/${name}` : name }
  }
  const path = name.slice(slash + 1)
  if (first === 'docker.io' || first === 'index.docker.io') {
    return { registry: 'docker.io', path: path.includes('/') ? path : `library/${path}` }
  }
  return { registry: first, path }
}

/** Reads an image reference as Docker does, `alpine` as `docker.io/library/alpine:latest`; throws INVALID_REFERENCE, which never repeats a password. */
export function parseReference(text: string): Reference {
  if (text === '') refuse(text, 'it is empty')
  if (text.length > maxReferenceLength) refuse(text, `it is longer than ${maxReferenceLength} characters`)
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[^\x21-\x7e]/.test(text))
    refuse(
      text,
      'it contains a space, a control character or a non-ASCII character',
      'write one reference, as in docker.io/rancher/mirrored-pause:3.6',
    )
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text))
    refuse(text, 'it has a scheme', 'write registry/repository:tag without http://, https:// or docker://')

  const at = text.indexOf('@')
  const digest = at === -1 ? undefined : text.slice(at + 1)
  const named = at === -1 ? text : text.slice(0, at)
  if (digest !== undefined && !isDigest(digest)) {
    if (digest.includes('/') || !/^[a-z0-9]+:/i.test(digest))
      refuse(text, 'it contains credentials or a misplaced "@"', 'remove the credentials; run docker login, or pass options.registries')
    refuse(text, 'its digest is not sha256: and 64, or sha512: and 128, lower-case hexadecimal digits')
  }
  const colon = named.lastIndexOf(':')
  const hasTag = colon > named.lastIndexOf('/') && colon > named.lastIndexOf(']')
  const tag = hasTag ? named.slice(colon + 1) : undefined
  const name = hasTag ? named.slice(0, colon) : named
  if (tag !== undefined && !isTag(tag))
    refuse(text, `its tag is not 1 to 128 letters, digits, "_", "." or "-", starting with a letter, digit or "_"`)

  const { registry, path } = splitRegistry(name)
  if (!isRegistry(registry)) refuse(text, `"${shown(registry)}" is not a registry host`)
  if (path.length > 255) refuse(text, 'the repository name is longer than 255 characters')
  if (!isRepositoryPath(path)) {
    if (/[A-Z]/.test(path) && isRepositoryPath(path.toLowerCase()))
      refuse(text, 'repository names are lower case', 'write the repository name in lower case')
    refuse(text, 'the repository name is malformed')
  }
  const repository = { registry, path }
  if (digest !== undefined) return tag === undefined ? { ...repository, digest } : { ...repository, tag, digest }
  return { ...repository, tag: tag ?? 'latest' }
}

/** Writes a reference in full: `registry/path[:tag][@digest]`. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`
  return `${reference.registry}/${reference.path}${tag}${digest}`
}

/** Writes a repository: `registry/path`. */
export function formatRepository(repository: Repository): string {
  return `${repository.registry}/${repository.path}`
}

/** A reference without its digest where it has a tag: images are looked for under that, because it is what nodes ask for. */
export function withoutPin({ registry, path, tag, digest }: Reference): Reference {
  if (tag !== undefined) return { registry, path, tag }
  return digest === undefined ? { registry, path } : { registry, path, digest }
}

/** The same repository at a digest, without a tag. */
export function atDigest(repository: Repository, digest: Digest): Reference {
  return { registry: repository.registry, path: repository.path, digest }
}

/** True when the text was probably meant as `host:port`: no slash, a dot, and digits for a tag. */
export function looksLikeHostPort(text: string): boolean {
  return /^[a-z0-9-]+(?:\.[a-z0-9-]+)+:[0-9]{2,5}$/.test(text)
}
