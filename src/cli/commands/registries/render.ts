import { join } from 'node:path'
import { Option, type Command } from 'commander'
import { MirrorError } from '../../../errors.ts'
import type { Registries } from '../../../registries-yaml/registries.ts'
import type { NodeValues } from '../../../registries-yaml/render/node-values.ts'
import type { ConfigVersion, RenderedConfig } from '../../../registries-yaml/render/rendered.ts'
import { safeLine } from '../../../text/printable.ts'
import type { CliProcess } from '../../cli-process.ts'
import { exitCodes } from '../../exit-code.ts'
import { addK3sFlags, addRegistriesFile, k3sFlags, type K3sOptionFlags } from '../../options/k3s.ts'
import { refuseSharedFiles } from '../../options/output-files.ts'
import { addOutput, type OutputFlags } from '../../options/output.ts'
import { formatJson } from '../../output/events-ndjson.ts'
import { removeStale, writeFiles } from '../../output/write-files.ts'

type Format = 'k3s' | 'containerd' | 'legacy'

interface RenderFlags extends K3sOptionFlags, OutputFlags {
  readonly registries: string
  readonly out: string
  readonly force?: boolean
  readonly format: Format
  readonly configVersion?: '2' | '3'
  readonly full?: boolean
  readonly containerdOpt?: string
  readonly selinux?: boolean
  readonly userns?: boolean
  readonly pauseImage?: string
  readonly flannel: boolean
  readonly cniBinDir?: string
  readonly cniConfDir?: string
  readonly root?: string
  readonly state?: string
}

function nodeValues(flags: RenderFlags): NodeValues {
  const { containerdOpt, selinux, userns, pauseImage, flannel, cniBinDir, cniConfDir, root, state } = flags
  return { containerdOpt, selinux, userNamespace: userns, pauseImage, flannel, cniBinDir, cniConfDir, root, state }
}

function refuseUnused(flags: RenderFlags): void {
  const { flannel, ...given } = nodeValues(flags)
  if (flags.full !== true && (flannel === false || Object.values(given).some((value) => value !== undefined))) {
    throw new MirrorError('USAGE', 'an option describes the node, of which nothing is written without --full', {
      hint: 'Add --full to write the whole config.toml.',
    })
  }
  if (flags.format === 'legacy' && flags.configVersion !== undefined) {
    throw new MirrorError('USAGE', '--config-version has no meaning with --format legacy, whose version is 1', { hint: 'Leave it out.' })
  }
}

async function render(registries: Registries, flags: RenderFlags): Promise<RenderedConfig> {
  const version: ConfigVersion = flags.configVersion === '2' ? 2 : 3
  const options = {
    flags: k3sFlags(flags),
    full: flags.full === true ? nodeValues(flags) : undefined,
    version,
  }
  switch (flags.format) {
    case 'k3s':
      return (await import('../../../registries-yaml/render/k3s.ts')).renderK3s(registries, options)
    case 'containerd':
      return (await import('../../../registries-yaml/render/containerd.ts')).renderContainerd(registries, options)
    case 'legacy':
      return (await import('../../../registries-yaml/render/legacy.ts')).renderLegacy(registries, options)
  }
}

/** Writes the files that a node would have of a registries.yaml, and removes those that an earlier run has left. */
async function runRender(flags: RenderFlags, cli: CliProcess): Promise<void> {
  refuseUnused(flags)
  const { readRegistries } = await import('../../../registries-yaml/read/read-registries.ts')
  const { describePassedOver } = await import('../../../registries-yaml/render/passed-over.ts')
  const { isGenerated, k3sHeader, ownHeader } = await import('../../../registries-yaml/render/rendered.ts')
  const { registries } = await readRegistries(flags.registries, { signal: cli.signal })
  const { files, notes } = await render(registries, flags)
  const warnings = flags.format === 'legacy' ? [] : describePassedOver(registries, flags.embeddedRegistry === true)
  await refuseSharedFiles(
    [...files.keys()].map((path) => join(flags.out, path)),
    [flags.registries],
  )
  const written = await writeFiles(flags.out, files, {
    signal: cli.signal,
    isReplaceable: (found) => flags.force === true || isGenerated(found),
  })
  const removed = await removeStale(join(flags.out, 'certs.d'), {
    name: 'hosts.toml',
    headers: [k3sHeader, ownHeader],
    keep: new Set(written),
  })
  for (const line of warnings) cli.warn(line, flags)
  for (const line of notes) cli.note(`note: ${line}`, flags)
  for (const path of removed) cli.note(`removed ${path}, left from before`, flags)
  cli.print(
    flags.output === 'json'
      ? `${formatJson({ schemaVersion: 1, command: 'registries render', format: flags.format, files: written, removed, warnings, notes })}\n`
      : written.map((path) => `${safeLine(path)}\n`).join(''),
  )
  cli.exit(exitCodes.done)
}

function addNodeValues(command: Command): Command {
  return command
    .option('--full', 'the whole config.toml, with the options below; they have the defaults of the format')
    .option('--containerd-opt <dir>', 'path of the opt plugin')
    .option('--selinux', 'enable SELinux')
    .option('--userns', 'the node runs in a user namespace, without root')
    .option('--pause-image <image>', 'the image of sandboxes; empty for none')
    .option('--no-flannel', 'no section about CNI')
    .option('--cni-bin-dir <dir>', 'where CNI plugins are')
    .option('--cni-conf-dir <dir>', 'where CNI configuration is')
    .option('--root <dir>', 'where containerd keeps its data')
    .option('--state <dir>', 'where containerd keeps its state and its socket')
}

/** Adds `k3s-mirror registries render`. */
export function addRenderCommand(parent: Command, cli: CliProcess): void {
  const command = parent
    .command('render')
    .description('write what K3s makes of a registries.yaml: certs.d and the registry section of config.toml, byte for byte')
    .requiredOption('--out <dir>', 'where to write; made where it is missing')
  addRegistriesFile(command)
    .option('--force', 'write over a config.toml and a hosts.toml that neither K3s nor this command has made')
    .addOption(
      new Option(
        '--format <format>',
        'for K3s, for a containerd without its changes, or config.toml of version 1 as K3s had it before certs.d',
      )
        .choices(['k3s', 'containerd', 'legacy'])
        .default('k3s'),
    )
    .addOption(new Option('--config-version <n>', 'of config.toml: 3 for containerd 2 (default), 2 for containerd 1').choices(['2', '3']))
  addOutput(addNodeValues(addK3sFlags(command))).action((flags: RenderFlags) => runRender(flags, cli))
}
