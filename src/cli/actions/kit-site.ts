import { MirrorError } from '../../errors.ts'
import { pushKit } from '../../runs/push-kit.ts'
import type { CliProcess } from '../cli-process.ts'
import type { KitPushFlags, KitServeFlags } from '../commands/kit-site.ts'
import { refuseSharedFiles } from '../files/output-files.ts'
import { readCaCertificate } from '../files/server-identity.ts'
import { followRun, openWriteRegistries } from './follow-run.ts'
import { describeOptions, placeOptions } from './library-options.ts'

/** Copies the images and the files of kits. */
export async function runKitPush(cli: CliProcess, flags: KitPushFlags, kits: readonly string[]): Promise<void> {
  const { include, exclude, name, writeRegistries, files: filesTo } = flags
  await refuseSharedFiles([flags.report, flags.events, writeRegistries], [...kits, flags.registries])
  const writeNodes = await openWriteRegistries(flags, cli)
  const start = (): ReturnType<typeof pushKit> =>
    pushKit({ ...placeOptions(flags), ...describeOptions(flags), files: kits, filesTo, include, exclude, name, signal: cli.signal })
  await followRun(cli, flags, start, writeNodes)
}

/** Serves a kit, or a directory of kits, until a signal stops it. */
export async function runKitServe(cli: CliProcess, flags: KitServeFlags, place: string): Promise<void> {
  const { url: origin, caFile, protectFiles = false, htpasswd, tlsCert } = flags
  if (protectFiles && htpasswd === undefined)
    throw new MirrorError('USAGE', '--protect-files requires --htpasswd', { hint: 'pass --htpasswd <file>, or remove --protect-files' })
  if (caFile !== undefined && tlsCert === undefined && origin?.protocol !== 'https:') {
    throw new MirrorError('USAGE', '--ca-file requires https: nodes reach this server by plain http', {
      hint: 'pass --tls-cert and --tls-key, or --url https://<address> for a proxy with TLS',
    })
  }
  const caCertificate = caFile === undefined ? undefined : await readCaCertificate(caFile)
  const { runServer } = await import('./serve.ts')
  await runServer(cli, flags, place, { origin, caCertificate, protectFiles })
}
