import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MirrorError } from '../errors.ts'
import { layoutDirectory } from '../oci/image-destination.ts'
import { isRegistry } from '../oci/reference.ts'
import { readVersion } from './version.ts'

/** What a side of a comparison names: a release or channel, what `options.images` accepts, the directory of a layout, or a registry with a prefix. */
export interface ComparedPlace {
  readonly kind: 'release' | 'images' | 'layout' | 'registry'
  /** Without the prefix that named the kind. */
  readonly name: string
  /** False where the kind was written before the name. */
  readonly isGuessed: boolean
}

const explicit = /^(release|images|registry):(?![0-9]+(?:\/|$))(.+)$/s
const url = /^https?:\/\//i
/** The extension of a list, a bundle or a lock file. */
const fileName = /\.(?:txt|list|lst|csv|ya?ml|json|lock|tgz|tar(?:\.[a-z0-9]+)*)$/i
const path = /^(?:\.{1,2}$|\.{0,2}\/|~)/
const versionLike = /^v?[0-9]+\.[0-9]+[^/:]*$/
const ipv4 = /^[0-9]+(?:\.[0-9]+){3}$/
const channel = /^[a-z][\w-]*$/i

const forms = 'write release:<tag|channel>, images:<file|URL|->, oci:<directory> or registry:<host[:port][/prefix]>'

async function isFileOrParts(name: string): Promise<boolean> {
  const facts = await Promise.all([name, `${name}.001`].map((one) => stat(one).catch(() => undefined)))
  return facts.some((found) => found !== undefined && !found.isDirectory())
}

/** Refuses a directory, with what to pass where it is a layout. */
async function refuseDirectory(name: string): Promise<void> {
  const facts = await stat(name).catch(() => undefined)
  if (facts?.isDirectory() !== true) return
  const isLayout = (await stat(join(name, 'oci-layout')).catch(() => undefined)) !== undefined
  if (isLayout || path.test(name)) {
    throw new MirrorError('USAGE', `"${name}" is ${isLayout ? 'an OCI layout' : 'a directory'}`, {
      hint: `pass oci:${name}${isLayout ? '' : ' for an OCI layout'}`,
    })
  }
}

function looksLikeRegistry(name: string): boolean {
  const [authority = ''] = name.split('/')
  return isRegistry(authority) && (/[.:]/.test(authority) || authority === 'localhost')
}

/** The kind of a name without a prefix; an existing file counts before everything but a release tag. */
async function guessKind(name: string): Promise<ComparedPlace['kind']> {
  if (name === '-') return 'images'
  if (layoutDirectory(name) !== undefined) return 'layout'
  if (url.test(name)) return fileName.test(name) || name.includes('?') ? 'images' : 'registry'
  if (readVersion(name) !== undefined) return 'release'
  if (await isFileOrParts(name)) return 'images'
  await refuseDirectory(name)
  if (versionLike.test(name) && !ipv4.test(name)) return 'release'
  if (channel.test(name) && name !== 'localhost') return 'release'
  if (path.test(name) || fileName.test(name)) return 'images'
  if (looksLikeRegistry(name)) return 'registry'
  throw new MirrorError(
    'USAGE',
    `cannot decide what "${name.slice(0, 200)}" is: there is no such file, and it is not a release or a host`,
    {
      hint: forms,
    },
  )
}

/** Reads what a side of a comparison names: `release:`, `images:`, `oci:` and `registry:` say it, otherwise the form of the name decides. Throws USAGE. */
export async function readComparedPlace(text: string): Promise<ComparedPlace> {
  if (text === '') throw new MirrorError('USAGE', 'a side of the comparison is empty', { hint: forms })
  const [, kind, rest = ''] = explicit.exec(text) ?? []
  if (kind !== undefined) return { kind: kind as ComparedPlace['kind'], name: rest, isGuessed: false }
  const guessed = await guessKind(text)
  return guessed === 'layout' ? { kind: guessed, name: text, isGuessed: false } : { kind: guessed, name: text, isGuessed: true }
}
