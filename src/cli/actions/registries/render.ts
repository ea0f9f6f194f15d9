import { join } from 'node:path'
import { MirrorError } from '../../../errors.ts'
import { readRegistries } from '../../../registries-yaml/read/read-registries.ts'
import { renderContainerd } from '../../../registries-yaml/render/containerd.ts'
import { renderK3s } from '../../../registries-yaml/render/k3s.ts'
import { renderLegacy } from '../../../registries-yaml/render/legacy.ts'
import type { NodeValues } from '../../../registries-yaml/render/node-values.ts'
import { describePassedOver } from '../../../registries-yaml/render/passed-over.ts'
import { isGenerated, k3sHeader, ownHeader } from '../../../registries-yaml/render/rendered.ts'
import { safeLine } from '../../../text/printable.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { RenderFlags } from '../../commands/registries.ts'
import { exitCodes } from '../../exit-code.ts'
import { refuseSharedFiles } from '../../files/output-files.ts'
import { removeStale, writeFiles } from '../../files/write-files.ts'
import { k3sFlags } from '../library-options.ts'

function nodeValues({ userns, ...flags }: RenderFlags): NodeValues {
  const { containerdOpt, selinux, pauseImage, flannel, cniBinDir, cniConfDir, root, state } = flags
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

const renderers = { k3s: renderK3s, containerd: renderContainerd, legacy: renderLegacy }

/** Writes the files that a node would have of a registries.yaml, and removes those that an earlier run has left. */
export async function runRender(cli: CliProcess, flags: RenderFlags): Promise<void> {
  refuseUnused(flags)
  const { format, out } = flags
  const { registries } = await readRegistries(flags.registries, { signal: cli.signal })
  const { files, notes } = renderers[format](registries, {
    flags: k3sFlags(flags),
    full: flags.full === true ? nodeValues(flags) : undefined,
    version: flags.configVersion === '2' ? 2 : 3,
  })
  const warnings = format === 'legacy' ? [] : describePassedOver(registries, flags.embeddedRegistry === true)
  const targets = [...files.keys()].map((path) => join(out, path))
  await refuseSharedFiles(targets, [flags.registries])
  const written = await writeFiles(out, files, {
    signal: cli.signal,
    isReplaceable: (found) => flags.force === true || isGenerated(found),
  })
  const stale = { name: 'hosts.toml', headers: [k3sHeader, ownHeader], keep: new Set(written) }
  const removed = await removeStale(join(out, 'certs.d'), stale)
  for (const line of warnings) cli.warn(line)
  for (const line of notes) cli.note(`note: ${line}`)
  for (const path of removed) cli.note(`removed ${path}, left from before`)
  cli.show({ schemaVersion: 1, command: 'registries render', format, files: written, removed, warnings, notes }, () =>
    written.map((path) => `${safeLine(path)}\n`).join(''),
  )
  cli.exit(exitCodes.done)
}
