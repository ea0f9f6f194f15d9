import { MirrorError } from '../errors.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { foreignText } from '../text/printable.ts'
import { engineRefusal, ImageGone, saysGone } from './engine-error.ts'
import type { EngineMessage } from './engine-messages.ts'

/** How far one layer is: `layer` is its short id, `bytes` of `size` are done. */
export interface LayerProgress {
  readonly phase: 'download' | 'extract' | 'push'
  readonly layer: string
  readonly bytes: number
  readonly size: number
}

/** Takes the progress of layers. */
export type OnLayer = (progress: LayerProgress) => void

/** What became of a layer in a push. */
export type LayerOutcome = 'copied' | 'present' | 'mounted'

/** A push that the Engine calls done. */
export interface Pushed {
  /** Of the manifest that the tag names now, by the Engine's word. */
  readonly digest: Digest
  /** By short id. */
  readonly layers: ReadonlyMap<string, LayerOutcome>
}

const phases: Readonly<Record<string, LayerProgress['phase']>> = {
  Downloading: 'download',
  Extracting: 'extract',
  Pushing: 'push',
  'Loading layer': 'extract',
}

/** Characters of a layer's id that are shown: a digest has 71. */
const longestId = 71

const outcomes: readonly (readonly [words: RegExp, outcome: LayerOutcome])[] = [
  [/^Pushed$/, 'copied'],
  [/^Layer already exists$/, 'present'],
  [/^Mounted from /, 'mounted'],
]

/** The messages without errors, each of which is a failure whatever the HTTP status was; layers are reported on the way. */
async function* follow(
  messages: AsyncIterable<EngineMessage>,
  verb: 'pull' | 'push' | 'load',
  name: string,
  onLayer: OnLayer | undefined,
): AsyncGenerator<EngineMessage & { readonly status: string }> {
  for await (const message of messages) {
    const { error, status = '', id, current, total } = message
    if (error !== undefined) {
      if (verb !== 'load' && saysGone(error)) throw new ImageGone(name)
      throw engineRefusal(error, [verb, name], verb === 'pull' ? 'source' : 'destination')
    }
    const phase = phases[status]
    if (phase !== undefined && id !== undefined && current !== undefined && total !== undefined)
      onLayer?.({ phase, layer: foreignText(id).slice(0, longestId), bytes: Math.min(current, total), size: total })
    yield { ...message, status }
  }
}

/** Follows a pull to its end: the digest that the name stood for, which Podman does not state, and the short ids of layers and, by Podman, of the image. */
export async function followPull(
  messages: AsyncIterable<EngineMessage>,
  name: string,
  onLayer?: OnLayer,
): Promise<{ readonly digest: Digest | undefined; readonly ids: ReadonlySet<string> }> {
  let digest: Digest | undefined
  const ids = new Set<string>()
  for await (const { status, id } of follow(messages, 'pull', name, onLayer)) {
    if (/^WARNING:.*platform/i.test(status)) {
      const message = `the Docker Engine has another platform of ${name} than the one asked for: ${foreignText(status)}`
      throw new MirrorError('NO_SUCH_PLATFORM', message, { side: 'source', subject: name })
    }
    const [, stated = ''] = /^Digest: (\S+)$/.exec(status) ?? []
    if (isDigest(stated)) digest = stated
    if (id !== undefined) ids.add(id)
  }
  return { digest, ids }
}

/** Follows a push to its end: the digest is in `aux`, in a status line, or in both. Throws ImageGone and as followPull does. */
export async function followPush(messages: AsyncIterable<EngineMessage>, name: string, onLayer?: OnLayer): Promise<Pushed> {
  const stated = new Set<Digest>()
  const layers = new Map<string, LayerOutcome>()
  for await (const { status, id, aux } of follow(messages, 'push', name, onLayer)) {
    // What a containerd store says about what it really pushed.
    if (aux?.['contentMissing'] === true) {
      throw new MirrorError(
        'UNSUPPORTED',
        `the Docker Engine has only a part of ${name}: it holds an index, and not every image below it`,
        {
          subject: name,
          hint: 'Choose what it is to push with options.platforms, or use options.via registry.',
        },
      )
    }
    for (const text of [aux?.['Digest'], /: digest: (\S+) size: [0-9]+$/.exec(status)?.[1]])
      if (typeof text === 'string' && isDigest(text)) stated.add(text)
    const outcome = outcomes.find(([words]) => words.test(status))?.[1]
    if (id !== undefined && outcome !== undefined) layers.set(id, outcome)
  }
  const [digest, other] = stated
  if (digest === undefined) throw endedEarly(`the push of ${name}`)
  if (other !== undefined)
    throw new MirrorError('PROTOCOL', `the Docker Engine names two digests for ${name}: ${digest} and ${other}`, {
      side: 'destination',
      subject: name,
    })
  return { digest, layers }
}

/** Follows a load to its end. Nothing that an Engine says proves it: the caller inspects the image afterwards. */
export async function followLoad(messages: AsyncIterable<EngineMessage>, name: string, onLayer?: OnLayer): Promise<void> {
  for await (const _ of follow(messages, 'load', name, onLayer));
}

/** The failure of a stream that ends without what proves it. */
export function endedEarly(what: string): MirrorError {
  return new MirrorError('PROTOCOL', `the Docker Engine ended ${what} without a digest, so that it is not known to be done`, {
    hint: 'The daemon or a proxy before it broke off; see its log.',
  })
}
