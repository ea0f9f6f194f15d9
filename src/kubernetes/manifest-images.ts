import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Alias, type Document, type Node, type YAMLMap } from 'yaml'
import { isMirrorError, MirrorError } from '../errors.ts'
import { isTag, parseReference, type Reference } from '../oci/reference.ts'
import { isTooDeep } from '../yaml/is-too-deep.ts'
import { resolveAliases } from '../yaml/resolve-aliases.ts'
import { syntaxProblems } from '../yaml/syntax-problems.ts'
import { upgradeTag } from './upgrade-tag.ts'

/** An image that a manifest names, with its line. */
export interface ManifestImage {
  readonly reference: Reference
  readonly line: number
  /** The URL of the channel that the tag comes from, for a Plan without a version. */
  readonly channel?: string
}

/** What a manifest names. */
export interface ManifestImages {
  readonly images: readonly ManifestImage[]
  /** Sentences for the reader, with file and line. */
  readonly warnings: readonly string[]
}

/** The lists of a pod's containers. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ */
const containerLists: ReadonlySet<string> = new Set(['containers', 'initContainers', 'ephemeralContainers'])
/** The containers of a Plan. https://github.com/rancher/system-upgrade-controller/blob/v0.14.0/pkg/apis/upgrade.cattle.io/v1/types.go */
const planContainers: ReadonlySet<string> = new Set(['prepare', 'upgrade'])
/** The variables of the system upgrade controller that name images, in a ConfigMap or in `env`. */
const imageVariables: ReadonlySet<string> = new Set(['SYSTEM_UPGRADE_JOB_KUBECTL_IMAGE', 'SYSTEM_UPGRADE_JOB_KUBECTL_IMAGE_WINDOWS'])
/** Entries to look at: a few lines of aliases can expand to gigabytes. */
const mostEntries = 5_000_000
const renderHint = 'render the templates first, as helm template, kustomize build and envsubst do'

/** What is known of the object around a node. */
interface Surroundings {
  readonly kind: string
  /** `spec.version` and `spec.channel` of a Plan. */
  readonly version?: string
  readonly channel?: string
}

type Entries = ReadonlyMap<string, Node | null>

function textOf(node: Node | null | undefined): string | undefined {
  return isScalar(node) && typeof node.value === 'string' ? node.value : undefined
}

/** True for a name without a tag and a digest. */
function isNameOnly(text: string): boolean {
  return !text.includes('@') && !text.slice(text.lastIndexOf('/') + 1).includes(':')
}

/** Walks over the objects of one document, over each node once in each role, so that aliases cost nothing. */
class ManifestWalk {
  readonly images: ManifestImage[] = []
  readonly warnings: string[] = []
  /** True once an object with `apiVersion` and `kind` was found. */
  hasObject = false
  readonly #refuse: (node: Node, why: string, hint?: string) => never
  readonly #lineOf: (node: Node) => number
  readonly #name: string
  readonly #source: string
  readonly #targets: ReadonlyMap<Alias, Node>
  readonly #seen = new Map<Node, Set<string>>()
  #entries = 0

  constructor(name: string, source: string, document: Document, lineOf: (node: Node) => number) {
    this.#name = name
    this.#source = source
    this.#lineOf = lineOf
    this.#refuse = (node, why, hint) => {
      throw new MirrorError('INVALID_LIST', `${name}:${lineOf(node)}: ${why}`, { hint })
    }
    const { targets, unknown } = resolveAliases(document)
    if (unknown !== undefined) this.#refuse(unknown, `invalid YAML: ${syntaxProblems['BAD_ALIAS'] ?? ''}`)
    this.#targets = targets
    this.#walk(document.contents, '', { kind: '' })
  }

  /** `role` is the key that leads to the node, through lists too. */
  #walk(given: Node | null, role: string, around: Surroundings): void {
    const node = this.#follow(given)
    if (node === null || isScalar(node)) return
    const roles = this.#seen.get(node) ?? new Set()
    if (roles.has(role)) return
    this.#seen.set(node, roles.add(role))
    if (isSeq<Node | null>(node)) {
      for (const item of node.items) {
        this.#count(node)
        this.#walk(item, role, around)
      }
      return
    }
    if (!isMap<Node | null, Node | null>(node)) return
    const entries = this.#entriesOf(node)
    const here = this.#surroundings(entries, role, around)
    // The schemas of a definition name no images.
    if (here.kind === 'CustomResourceDefinition') return
    for (const [key, value] of entries) {
      this.#entry(key, value, { entries, role, around: here })
      this.#walk(value, key, here)
    }
  }

  #surroundings(entries: Entries, role: string, around: Surroundings): Surroundings {
    const text = (key: string): string | undefined => textOf(this.#follow(entries.get(key) ?? null))
    const kind = text('kind')
    if (kind !== undefined && text('apiVersion') !== undefined) {
      this.hasObject = true
      return { kind }
    }
    if (around.kind !== 'Plan' || role !== 'spec') return around
    const [version, channel] = [text('version') ?? '', text('channel') ?? '']
    return { kind: around.kind, ...(version !== '' && { version }), ...(channel !== '' && { channel }) }
  }

  #entry(
    key: string,
    value: Node | null,
    { entries, role, around }: { readonly entries: Entries; readonly role: string; readonly around: Surroundings },
  ): void {
    const isVariable =
      imageVariables.has(key) ||
      (key === 'value' && role === 'env' && imageVariables.has(textOf(this.#follow(entries.get('name') ?? null)) ?? ''))
    // `reference` is of a volume: https://kubernetes.io/docs/tasks/configure-pod-container/image-volumes/
    const isReference = (key === 'reference' && role === 'image') || (key === 'jobImage' && around.kind === 'HelmChart')
    const isContainer = key === 'image' && containerLists.has(role)
    if (isVariable || isReference || isContainer) this.#take(value)
    else if (key === 'image' && around.kind === 'Plan' && planContainers.has(role)) this.#takePlanned(value, around)
    else if (key === 'image') this.#takeOther(value, around)
  }

  /** The text of an image; undefined where it is empty, so that another program sets it. */
  #textOf(given: Node | null): readonly [text: string, node: Node] | undefined {
    const node = this.#follow(given)
    const text = textOf(node)
    if (node === null || text === '' || (isScalar(node) && node.value === null)) return undefined
    const isTemplate = text === undefined ? this.#source.startsWith('{{', node.range?.[0]) : /[${}<>%]/.test(text)
    if (isTemplate)
      this.#refuse(node, `the image ${text === undefined ? '' : `${JSON.stringify(text.slice(0, 200))} `}is a template`, renderHint)
    if (text === undefined) this.#refuse(node, 'the image is not a string')
    return [text, node]
  }

  #parse(text: string, node: Node): ManifestImage {
    const line = this.#lineOf(node)
    try {
      return { reference: parseReference(text), line }
    } catch (error) {
      if (!isMirrorError(error)) throw error
      throw error.with({ message: `${this.#name}:${line}: ${error.message}`, cause: error })
    }
  }

  #take(given: Node | null): void {
    const [text, node] = this.#textOf(given) ?? []
    if (text !== undefined && node !== undefined) this.images.push(this.#parse(text, node))
  }

  /** A Plan's image without a tag has the tag of its version, or of the release that its channel leads to. */
  #takePlanned(given: Node | null, { version, channel }: Surroundings): void {
    const [text, node] = this.#textOf(given) ?? []
    if (text === undefined || node === undefined) return
    const { reference, line } = this.#parse(text, node)
    const tag = version === undefined ? undefined : upgradeTag(version)
    if (!isNameOnly(text)) this.images.push({ reference, line })
    else if (tag !== undefined && !isTag(tag)) this.#refuse(node, 'the version of the Plan is not an image tag')
    else if (tag !== undefined) this.images.push({ reference: { ...reference, tag }, line })
    else if (channel !== undefined) this.images.push({ reference, line, channel })
    else this.#warn(node, `${JSON.stringify(text)} is not added: its Plan has neither a version nor a channel`)
  }

  /** Other resources have images too, as `spec.image` of an operator's, but also names that are not of images. */
  #takeOther(given: Node | null, { kind }: Surroundings): void {
    const node = this.#follow(given)
    const text = textOf(node)
    if (node === null || text === undefined || text === '') return
    try {
      const reference = parseReference(text)
      if (!isNameOnly(text)) this.images.push({ reference, line: this.#lineOf(node) })
      else if (text.includes('/'))
        this.#warn(node, `${JSON.stringify(text)} is not added: it has no tag, and is not of a pod (kind ${kind})`)
    } catch (error) {
      if (!isMirrorError(error)) throw error
    }
  }

  #warn(node: Node, message: string): void {
    this.warnings.push(`${this.#name}:${this.#lineOf(node)}: ${message}`)
  }

  #follow(node: Node | null): Node | null {
    let target = node
    for (let hops = 0; isAlias(target) && hops < 100; hops++) target = this.#targets.get(target) ?? null
    return isAlias(target) ? null : target
  }

  /** The entries of a mapping with those that `<<` merges: its own come first, then those of the first merged mapping. */
  #entriesOf(map: YAMLMap<Node | null, Node | null>, merged = new Set<Node>([map])): Entries {
    const own = new Map<string, Node | null>()
    const others: Node[] = []
    for (const { key, value } of map.items) {
      this.#count(map)
      const name = isScalar(this.#follow(key)) ? String((this.#follow(key) as { readonly value?: unknown }).value) : undefined
      const target = this.#follow(value)
      if (name === '<<') others.push(...(isSeq<Node | null>(target) ? target.items : [target]).flatMap((item) => this.#follow(item) ?? []))
      else if (name !== undefined) own.set(name, value)
    }
    for (const other of others) {
      if (!isMap<Node | null, Node | null>(other) || merged.has(other)) continue
      for (const [key, value] of this.#entriesOf(other, merged.add(other))) {
        this.#count(map)
        if (!own.has(key)) own.set(key, value)
      }
    }
    return own
  }

  #count(node: Node): void {
    if (++this.#entries > mostEntries) this.#refuse(node, 'the aliases expand to an excessive size')
  }
}

/** The images that a Kubernetes manifest names, in YAML of several documents or in JSON; `name` is for messages. Throws INVALID_LIST and INVALID_REFERENCE, with the line. */
export function manifestImages(text: string, name: string): ManifestImages {
  const source = text.replace(/^\uFEFF/, '')
  const refuse = (line: number, why: string, hint?: string): never => {
    throw new MirrorError('INVALID_LIST', `${name}:${line}: ${why}`, { hint })
  }
  if (isTooDeep(source)) refuse(1, 'invalid YAML: nested too deeply')
  try {
    const lines = new LineCounter()
    const parsed = parseAllDocuments(source, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, logLevel: 'silent' })
    const documents = Array.isArray(parsed) ? (parsed as readonly Document[]) : []
    for (const { errors } of documents) {
      const [error] = errors
      if (error === undefined) continue
      const hint = source.includes('{{') ? renderHint : undefined
      refuse(lines.linePos(error.pos[0]).line, `invalid YAML: ${syntaxProblems[error.code] ?? 'syntax error'}`, hint)
    }
    const lineOf = (node: Node): number => lines.linePos(node.range?.[0] ?? 0).line
    const walks = documents.map((document) => new ManifestWalk(name, source, document, lineOf))
    if (!walks.some(({ hasObject }) => hasObject)) {
      throw new MirrorError('INVALID_LIST', `${name}: this is not a Kubernetes manifest: no object has apiVersion and kind`, {
        hint: 'pass a text list of images with options.images',
      })
    }
    return { images: walks.flatMap(({ images }) => images), warnings: walks.flatMap(({ warnings }) => warnings) }
  } catch (error) {
    if (error instanceof RangeError) refuse(1, 'invalid YAML: nested too deeply')
    throw error
  }
}
