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

/** Whose messages these are, for errors, and who is told of layers. */
export interface FollowOptions {
  readonly name: string
  readonly onLayer?: OnLayer | undefined
}

const phases: Readonly<Record<string, LayerProgress['phase']>> = {
  Downloading: 'download',
  Extracting: 'extract',
  Pushing: 'push',
  'Loading layer': 'extract',
}

/** Characters of a layer's id that are shown: a digest has 71. */
const longestId = 71

function tellLayer({ id, status = '', current, total }: EngineMessage, onLayer: OnLayer | undefined): void {
  const phase = phases[status]
  if (onLayer === undefined || phase === undefined || id === undefined || current === undefined || total === undefined) return
  onLayer({ phase, layer: foreignText(id).slice(0, longestId), bytes: Math.min(current, total), size: total })
}

/** A pull that has ended. */
export interface Pulled {
  /** What the name stood for; Podman does not state it. */
  readonly digest: Digest | undefined
  /** The short ids that were named: of layers, and by Podman of the image. */
  readonly ids: ReadonlySet<string>
}

/** Follows a pull to its end. A message of an error is a failure whatever the HTTP status was. */
export async function followPull(messages: AsyncIterable<EngineMessage>, { name, onLayer }: FollowOptions): Promise<Pulled> {
  let digest: Digest | undefined
  const ids = new Set<string>()
  for await (const message of messages) {
    const { error, status = '' } = message
    if (error !== undefined) throw saysGone(error) ? new ImageGone(name) : engineRefusal(error, `pull ${name}`, 'source')
    if (/^WARNING:.*platform/i.test(status)) {
      throw new MirrorError(
        'NO_SUCH_PLATFORM',
        `the Docker Engine has another platform of ${name} than the one asked for: ${foreignText(status)}`,
        {
          side: 'source',
        },
      )
    }
    const [, stated = ''] = /^Digest: (\S+)$/.exec(status) ?? []
    if (isDigest(stated)) digest = stated
    if (message.id !== undefined) ids.add(message.id)
    tellLayer(message, onLayer)
  }
  return { digest, ids }
}

const outcomes: readonly (readonly [words: RegExp, outcome: LayerOutcome])[] = [
  [/^Pushed$/, 'copied'],
  [/^Layer already exists$/, 'present'],
  [/^Mounted from /, 'mounted'],
]

/** What a containerd store says about what it really pushed. */
function refuseGaps(aux: NonNullable<EngineMessage['aux']>, name: string): void {
  if (aux['contentMissing'] !== true) return
  throw new MirrorError('UNSUPPORTED', `the Docker Engine has only a part of ${name}: it holds an index, and not every image below it`, {
    hint: 'Choose what it is to push with --platform, or use --via registry.',
  })
}

/** Follows a push to its end: the digest is in `aux`, in a status line, or in both. Throws ImageGone and as followPull does. */
export async function followPush(messages: AsyncIterable<EngineMessage>, { name, onLayer }: FollowOptions): Promise<Pushed> {
  const stated = new Set<Digest>()
  const layers = new Map<string, LayerOutcome>()
  const state = (text: unknown): void => {
    if (typeof text === 'string' && isDigest(text)) stated.add(text)
  }
  for await (const message of messages) {
    const { error, status = '', id, aux } = message
    if (error !== undefined) throw saysGone(error) ? new ImageGone(name) : engineRefusal(error, `push ${name}`, 'destination')
    if (aux !== undefined) {
      refuseGaps(aux, name)
      state(aux['Digest'])
    }
    state(/: digest: (\S+) size: [0-9]+$/.exec(status)?.[1])
    const outcome = outcomes.find(([words]) => words.test(status))?.[1]
    if (id !== undefined && outcome !== undefined) layers.set(id, outcome)
    tellLayer(message, onLayer)
  }
  const [digest, other] = stated
  if (digest === undefined) throw endedEarly(`the push of ${name}`)
  if (other !== undefined)
    throw new MirrorError('PROTOCOL', `the Docker Engine names two digests for ${name}: ${digest} and ${other}`, { side: 'destination' })
  return { digest, layers }
}

/** Follows a load to its end. An Engine says nothing that proves it: whoever asked looks at the image afterwards. */
export async function followLoad(messages: AsyncIterable<EngineMessage>, { name, onLayer }: FollowOptions): Promise<void> {
  for await (const message of messages) {
    if (message.error !== undefined) throw engineRefusal(message.error, `load ${name}`, 'destination')
    tellLayer(message, onLayer)
  }
}

/** The failure of a stream that ends without what proves it. */
export function endedEarly(what: string): MirrorError {
  return new MirrorError('PROTOCOL', `the Docker Engine ended ${what} without a digest, so that it is not known to be done`, {
    hint: 'The daemon or a proxy before it broke off; see its log.',
  })
}
