import { MirrorError } from '../../../errors.ts'
import { askedImages, type NamingSettings } from '../../../node/asked-names.ts'
import { layoutDirectory } from '../../../oci/image-destination.ts'
import { formatReference, parseReference, type Reference } from '../../../oci/reference.ts'
import { registryHostKeys } from '../../../oci/registry-host.ts'
import { nameDestination, type NamingOptions } from '../../../plan/destination-names.ts'
import { generateRegistries, type GeneratedRegistries } from '../../../registries-yaml/generate/generate-registries.ts'
import type { MirroredImage } from '../../../registries-yaml/generate/options.ts'
import { readRegistries } from '../../../registries-yaml/read/read-registries.ts'
import type { RegistryConfig } from '../../../registries-yaml/registries.ts'
import { parseRenameRule } from '../../../registries-yaml/rename-rule.ts'
import { parseEndpoint } from '../../../registry/endpoint.ts'
import type { SelectedList } from '../../../release/image-list.ts'
import { parseVersion } from '../../../release/version.ts'
import type { MirrorReport } from '../../../report/report.ts'
import { version } from '../../../version.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { NodeFlags } from '../../commands/registries.ts'
import { openRegistriesFile } from '../../files/registries-file.ts'
import { formatCount } from '../../output/format-amount.ts'

/** The images that nodes pull, and the lists that name them. */
interface NodeSelection {
  readonly images: readonly Reference[]
  readonly lists: readonly Pick<SelectedList, 'name' | 'release'>[]
}

/** `secrets`: write the credentials of `--registries`. `password`: write this password for `--username`. */
interface GeneratedSecrets {
  readonly secrets: boolean
  readonly password?: string | undefined
}

/** Generates the registries.yaml for a selection. */
export type NodeGenerator = (selection: NodeSelection, options: GeneratedSecrets) => GeneratedRegistries

async function knownConfig(path: string | undefined, origin: URL, signal: AbortSignal): Promise<RegistryConfig | undefined> {
  if (path === undefined) return undefined
  const { registries } = await readRegistries(path, { signal })
  const configs = new Map([...registries.configs].map(([key, config]) => [key.toLowerCase(), config]))
  const key = registryHostKeys(origin.origin).find((candidate) => configs.has(candidate))
  return key === undefined ? undefined : configs.get(key)
}

function describe({ images, lists }: NodeSelection): string {
  const count = formatCount(images.length, 'image')
  const names = lists.map(({ name, release }) => release ?? name)
  return names.length === 0 ? count : `${names.join(', ')} (${count})`
}

/** What decides the names that nodes pull by. */
interface GeneratorOptions {
  readonly signal: AbortSignal
  readonly settings?: NamingSettings
}

/** The images that nodes pull by other names than the selection has, and their names at the destination. */
function pulledAs(images: readonly Reference[], settings: NamingSettings, naming: NamingOptions): readonly MirroredImage[] {
  return askedImages(images, settings)
    .images.filter(({ image, asked, isSelected }) => !isSelected || formatReference(image) !== formatReference(asked))
    .map(({ image, asked }) => ({ source: asked, destination: nameDestination(image, naming) }))
}

/** Checks the options before anything is fetched or moved. Throws USAGE, INVALID_REWRITE and INVALID_CONFIG. */
export async function nodeGenerator(flags: NodeFlags, { signal, settings = {} }: GeneratorOptions): Promise<NodeGenerator> {
  const { to, flatten, wildcard, caFile, certFile, keyFile, username } = flags
  if (layoutDirectory(to) !== undefined) {
    throw new MirrorError('USAGE', `nodes cannot pull from ${JSON.stringify(to)}: it is an OCI layout, not a registry`, {
      hint: 'run k3s-mirror serve on the layout, and pass its address as --to',
    })
  }
  const endpoint = parseEndpoint(to, 'options.to')
  const rules = (flags.rewrite ?? []).map(parseRenameRule)
  const known = await knownConfig(flags.registries, endpoint.origin, signal)
  const naming = { registry: endpoint.origin.host, prefix: endpoint.prefix.slice(0, -1), rules, flatten }
  const versions = settings.version === undefined ? [] : [settings.version]
  return (selection, { secrets, password }) =>
    generateRegistries({
      endpoint,
      images: selection.images.map((source) => ({ source, destination: nameDestination(source, naming) })),
      pulledAs: pulledAs(selection.images, settings, naming),
      known,
      secrets,
      wildcard,
      flatten,
      caFile,
      certFile,
      keyFile,
      username,
      password,
      selection: describe(selection),
      versions: [...versions, ...selection.lists.flatMap(({ release }) => (release === undefined ? [] : [parseVersion(release)]))],
      version,
    })
}

/** Writes the file once the images are mirrored. Returns the closing line about it, undefined where nothing was written. */
export type NodesWriter = (report: MirrorReport) => Promise<string | undefined>

/** Why nodes would find no image. */
function whyNot({ interrupted, totals }: MirrorReport): string | undefined {
  if (interrupted === true) return 'the run was interrupted'
  return totals.failed === totals.images ? 'no image is at the destination' : undefined
}

/** Prepares `--write-registries`: checks options and file before anything moves. Throws USAGE, INVALID_CONFIG, INVALID_REWRITE and LOCAL_IO. */
export async function openNodesWriter(path: string, flags: NodeFlags, cli: CliProcess): Promise<NodesWriter> {
  const generate = await nodeGenerator(flags, cli)
  const write = await openRegistriesFile(path, 'generated')
  return async (report) => {
    const reason = whyNot(report)
    if (reason !== undefined) {
      cli.note(`${path} is not written: ${reason}`)
      return undefined
    }
    try {
      const images = report.images.map(({ source }) => parseReference(source))
      const { registries, text, notes, warnings, systemDefaultRegistry } = generate({ images, lists: report.lists }, { secrets: true })
      await write(text)
      const { failed, images: all } = report.totals
      if (failed > 0) cli.note(`note: ${path} covers all ${all} images, but nodes cannot pull the ${failed} that failed`)
      for (const warning of warnings) cli.warn(warning)
      for (const note of notes) cli.note(`note: ${note}`)
      const needed = registries.configs.size === 0 ? '' : ' with only its configs'
      const instead =
        systemDefaultRegistry === undefined ? '' : `, or run K3s with --system-default-registry ${systemDefaultRegistry}${needed}`
      return `nodes: copy ${path} to /etc/rancher/k3s/registries.yaml${instead}`
    } catch (error) {
      cli.complain(error)
      return undefined
    }
  }
}
