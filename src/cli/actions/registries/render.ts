import { join } from 'node:path'
import { MirrorError } from '../../../errors.ts'
import { writtenPauseImage } from '../../../node/asked-names.ts'
import { privateRegistryPath, type NodeSettings } from '../../../node/node-settings.ts'
import { readRegistries } from '../../../registries-yaml/read/read-registries.ts'
import { renderContainerd } from '../../../registries-yaml/render/containerd.ts'
import { describeIgnored } from '../../../registries-yaml/render/ignored-endpoints.ts'
import { renderK3s } from '../../../registries-yaml/render/k3s.ts'
import { renderLegacy } from '../../../registries-yaml/render/legacy.ts'
import { k3sDefaults, type NodeValues } from '../../../registries-yaml/render/node-values.ts'
import { generatedHeaders, isGenerated } from '../../../registries-yaml/render/rendered.ts'
import { safeLine } from '../../../text/printable.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { RenderFlags } from '../../commands/registries.ts'
import { exitCodes } from '../../exit-code.ts'
import { refuseSharedFiles } from '../../files/output-files.ts'
import { removeStale, writeFiles } from '../../files/write-files.ts'
import { nodeSettings } from '../node-settings.ts'

/** The pause image of config.toml, after `--system-default-registry`; undefined for the default of the format. */
function pauseImageOf({ format }: RenderFlags, k3s: NodeSettings): string | undefined {
  const text = k3s.pauseImage ?? (format === 'k3s' ? k3sDefaults().pauseImage : undefined)
  return text === undefined ? undefined : writtenPauseImage(text, k3s)
}

function nodeValues({ userns, ...flags }: RenderFlags, pauseImage: string | undefined): NodeValues {
  const { containerdOpt, selinux, flannel, cniBinDir, cniConfDir, root, state } = flags
  return { containerdOpt, selinux, userNamespace: userns, pauseImage, flannel, cniBinDir, cniConfDir, root, state }
}

const fullOptions = [
  ['containerdOpt', '--containerd-opt'],
  ['selinux', '--selinux'],
  ['userns', '--userns'],
  ['pauseImage', '--pause-image'],
  ['cniBinDir', '--cni-bin-dir'],
  ['cniConfDir', '--cni-conf-dir'],
  ['root', '--root'],
  ['state', '--state'],
] as const

function refuseUnused(flags: RenderFlags): void {
  const [, option] = flags.flannel ? (fullOptions.find(([name]) => flags[name] !== undefined) ?? []) : [undefined, '--no-flannel']
  if (flags.full !== true && option !== undefined) {
    throw new MirrorError('USAGE', `${option} requires --full`, { hint: `pass --full to write the whole config.toml, or remove ${option}` })
  }
  if (flags.format === 'legacy' && flags.configVersion !== undefined) {
    throw new MirrorError('USAGE', '--config-version cannot be used with --format legacy, which is always version 1', {
      hint: 'remove --config-version',
    })
  }
}

const renderers = { k3s: renderK3s, containerd: renderContainerd, legacy: renderLegacy }

/** Writes the files that K3s generates from a registries.yaml, and removes those of an earlier run. */
export async function runRender(cli: CliProcess, flags: RenderFlags): Promise<void> {
  refuseUnused(flags)
  const { format, out } = flags
  const k3s = await nodeSettings(flags, cli)
  const file = flags.registries ?? privateRegistryPath(k3s)
  const { registries } = await readRegistries(file, { signal: cli.signal })
  const { files, notes } = renderers[format](registries, {
    flags: k3s,
    full: flags.full === true ? nodeValues(flags, pauseImageOf(flags, k3s)) : undefined,
    version: flags.configVersion === '2' ? 2 : 3,
  })
  const warnings = format === 'legacy' ? [] : describeIgnored(registries, k3s)
  const targets = [...files.keys()].map((path) => join(out, path))
  await refuseSharedFiles(targets, [file, flags.nodeConfig])
  const written = await writeFiles(out, files, {
    signal: cli.signal,
    isReplaceable: (found) => flags.force === true || isGenerated(found),
  })
  const stale = { name: 'hosts.toml', headers: generatedHeaders, keep: new Set(written) }
  const removed = await removeStale(join(out, 'certs.d'), stale)
  for (const line of warnings) cli.warn(line)
  for (const line of notes) cli.note(`note: ${line}`)
  for (const path of removed) cli.note(`removed ${path} of an earlier run`)
  cli.show({ schemaVersion: 1, command: 'registries render', format, files: written, removed, warnings, notes }, () =>
    written.map((path) => `${safeLine(path)}\n`).join(''),
  )
  cli.exit(exitCodes.done)
}
