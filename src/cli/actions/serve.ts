import { once } from 'node:events'
import { isMirrorError } from '../../errors.ts'
import { isLoopback } from '../../http/address.ts'
import type { SkippedEntry } from '../../layout/name-entries.ts'
import { firstServerCommands } from '../../registry-server/node-commands.ts'
import type { PageSources } from '../../registry-server/own-paths.ts'
import { createRegistryServer, type RegistryServer } from '../../registry-server/registry-server.ts'
import type { ServedFiles } from '../../registry-server/served-files.ts'
import type { CliProcess } from '../cli-process.ts'
import type { ServeFlags, ServerFlags } from '../commands/serve.ts'
import { exitCodes } from '../exit-code.ts'
import { openAccessLog, type AccessLog } from '../files/access-log.ts'
import { followFiles } from '../files/follow-files.ts'
import { openPasswordFile, type PasswordFile } from '../files/password-file.ts'
import { openServed } from '../files/served.ts'
import { readServerIdentity, type ServerIdentity } from '../files/server-identity.ts'
import { formatRemoved } from '../output/garbage-text.ts'
import { listenHint } from '../output/listen-hint.ts'
import { nodeNotes, nodeOrigin, pageSources } from '../output/serve-nodes.ts'

/** Requests in progress get this long to finish; the process ends a little later in any case. */
const graceMilliseconds = 3000

/** Most different failures that are logged, so that a damaged disk does not fill the log. */
const mostReported = 1000

/** Free bytes that no image fits into. */
const nearlyFull = 64 * 1024

/** Skipped entries that are named one by one. */
const mostSkipped = 10

const nodeFile = '/etc/rancher/k3s/registries.yaml'

/** Prints the registries.yaml for nodes, on standard error because standard output may be the access log. */
function printNodes(origin: URL, text: string, notes: readonly string[], { note }: CliProcess): void {
  note(`for a list of the images, open ${origin.origin}/ in a browser or with curl`)
  note(`for nodes, save this file as ${nodeFile}, or download it from ${origin.origin}/registries.yaml`)
  process.stderr.write(`\n${text}\n`)
  for (const line of notes) note(`note: ${line}`)
}

function noteSkipped(skipped: readonly SkippedEntry[], writable: boolean, { note }: CliProcess): void {
  if (skipped.length === 0) return
  note(`note: ${skipped.length === 1 ? '1 entry of index.json is' : `${skipped.length} entries of index.json are`} not served`)
  for (const { entry, why } of skipped.slice(0, mostSkipped)) note(`skipped ${entry}: ${why}`)
  if (skipped.length > mostSkipped) note(`skipped ${skipped.length - mostSkipped} more`)
  note(
    writable
      ? 'hint: serve without --writable to name them with --name <registry/repository>'
      : 'hint: pass --name <registry/repository> to name them; with a tag, it also names a single entry without a name',
  )
}

/** Warns of each failure once: clients retry what is damaged. */
function failureReporter({ warn }: CliProcess): (error: unknown) => void {
  const reported = new Set<string>()
  return (error) => {
    // The loss of the layout is reported once, by its own signal.
    if (isMirrorError(error) && error.code === 'LAYOUT_LOCKED') return
    const line = `a request failed: ${error instanceof Error ? error.message : String(error)}`
    if (reported.has(line) || reported.size >= mostReported) return
    reported.add(line)
    warn(line)
  }
}

/** Warns of what a listener beyond this machine exposes. */
function warnOfExposure(
  { listen, writable }: RunningFlags,
  identity: ServerIdentity | undefined,
  hasPasswords: boolean,
  cli: CliProcess,
): void {
  if (isLoopback(listen.host)) return
  if (hasPasswords && identity === undefined)
    cli.warn('passwords travel unencrypted over plain HTTP: pass --tls-cert and --tls-key, or listen on loopback')
  if (writable === true && !hasPasswords)
    cli.warn('anyone who reaches this server can push and delete images: pass --htpasswd <file>, or listen on loopback')
}

async function listenAt(server: RegistryServer, listen: RunningFlags['listen']): Promise<string> {
  try {
    return (await server.listen(listen.host, listen.port)).url
  } catch (error) {
    if (!isMirrorError(error)) throw error
    throw error.with({ hint: listenHint(listen, (error.cause as NodeJS.ErrnoException | undefined)?.code) })
  }
}

interface Reloadable {
  readonly server: RegistryServer
  readonly passwords: PasswordFile | undefined
  readonly log: AccessLog | undefined
}

/** Reads the certificate and its key again; what cannot be read is logged, and the server keeps those that it has. */
async function reloadTls({ tlsCert, tlsKey }: RunningFlags, server: RegistryServer, { note, warn }: CliProcess): Promise<void> {
  try {
    const identity = await readServerIdentity(tlsCert, tlsKey)
    if (identity === undefined) return
    server.replaceTls(identity.tls)
    for (const warning of identity.warnings) warn(warning)
    note(`reloaded the certificate ${tlsCert}, valid until ${identity.validTo.toISOString().slice(0, 10)}`)
  } catch (error) {
    warn(`the certificate ${tlsCert} is not reloaded: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Reads the certificate, its key and the passwords again, and reopens the access log; what cannot be read is logged and stays as it was. */
async function reload(flags: RunningFlags, { server, passwords, log }: Reloadable, cli: CliProcess): Promise<void> {
  await log?.reopen()
  await passwords?.reload()
  await reloadTls(flags, server, cli)
}

/** The options of a server, with those of a writable one. */
type RunningFlags = ServerFlags & Partial<ServeFlags>

/** What a server of a kit has in addition. */
interface Site {
  readonly origin: URL | undefined
  readonly caCertificate: string | undefined
  readonly protectFiles: boolean
}

/** Prints what is typed to install the first node from these files. */
async function printSite(
  files: ServedFiles,
  facts: Omit<Parameters<typeof firstServerCommands>[0], 'files'>,
  notes: readonly string[],
  { note }: CliProcess,
): Promise<void> {
  note(`for the commands of nodes, the files and the images, open ${facts.origin.origin}/ in a browser or with curl`)
  const commands = firstServerCommands({ ...facts, files: await files.list() })
  if (commands.length > 0) note('to install the first server, type on the node as root:')
  if (commands.length > 0) process.stderr.write(`\n${commands.flatMap(({ lines }) => lines).join('\n')}\n\n`)
  for (const line of notes) note(`note: ${line}`)
}

interface Started {
  readonly identity: ServerIdentity | undefined
  readonly files: ServedFiles | undefined
  readonly site: Site | undefined
}

async function printStart(
  page: PageSources,
  url: string,
  flags: RunningFlags,
  { identity, files, site }: Started,
  cli: CliProcess,
): Promise<void> {
  const { quiet, writable, htpasswd } = flags
  if (quiet === true) return
  const names = identity?.names
  const origin = site?.origin ?? nodeOrigin(url, names ?? [])
  const hasPasswords = htpasswd !== undefined
  const notes = nodeNotes(origin, { hasPasswords, names: site?.origin === undefined ? names : undefined })
  if (files !== undefined) {
    const { caCertificate, protectFiles = false } = site ?? {}
    return printSite(files, { origin, caCertificate, hasPasswords, protectFiles }, notes, cli)
  }
  const text = page.nodeRegistries(origin)
  if (text !== undefined) printNodes(origin, text, notes, cli)
  else if (writable === true) cli.note(`there are no images yet; after a push, ${origin.origin}/registries.yaml configures nodes`)
  else cli.note('there are no images: copy some into the layout, then start serve again')
}

/** Serves a layout or a bundle until a signal stops it; SIGHUP reloads its files. */
export async function runServe(cli: CliProcess, flags: ServeFlags, place: string): Promise<void> {
  await runServer(cli, flags, place)
}

/** Serves a place until a signal stops it, with `site` also the files of kits. */
export async function runServer(cli: CliProcess, flags: RunningFlags, place: string, site?: Site): Promise<void> {
  const { listen, writable = false, name, tlsCert, tlsKey, htpasswd, accessLog, verbose, gcGrace } = flags
  const identity = await readServerIdentity(tlsCert, tlsKey)
  for (const warning of identity?.warnings ?? []) cli.warn(warning)
  using passwords = htpasswd === undefined ? undefined : await openPasswordFile(htpasswd, cli)
  warnOfExposure(flags, identity, passwords !== undefined, cli)
  await using layout = await openServed(place, { writable, name, isKit: site !== undefined })
  const { lost, freeBytes } = layout
  lost?.addEventListener('abort', () => cli.complain(lost.reason), { once: true })
  await using log = accessLog === undefined ? undefined : await openAccessLog(accessLog, cli)
  const page = pageSources(layout, passwords !== undefined, site?.caCertificate)
  await using server = createRegistryServer({
    layout: layout.reader,
    writable,
    onRequest(record) {
      log?.write(record)
      const { method, url, status, bytes, milliseconds } = record
      if (verbose === true) cli.say(`${new Date().toISOString()} ${method} ${url} ${status} ${bytes} ${Math.round(milliseconds)}ms`)
    },
    onFailure: failureReporter(cli),
    page,
    ...(gcGrace !== undefined && {
      garbage: {
        grace: gcGrace,
        automatic: flags.gc === true,
        onCollected: ({ removed }) => cli.note(`garbage collection: ${formatRemoved(removed)}`),
      },
    }),
    ...(layout.files && { files: layout.files, protectFiles: site?.protectFiles === true }),
    ...(site?.caCertificate !== undefined && { caCertificate: site.caCertificate }),
    ...(site?.origin && { origin: site.origin }),
    ...(identity && { tls: identity.tls }),
    ...(passwords && { authenticator: passwords.authenticator }),
  })
  const url = await listenAt(server, listen)
  const tlsFiles = [tlsCert, tlsKey].filter((path) => path !== undefined)
  const followed = followFiles(tlsFiles, () => void reloadTls(flags, server, cli))
  cli.onHangup(() => void reload(flags, { server, passwords, log }, cli))
  cli.note(`serving ${place} at ${url} (${writable ? 'writable' : 'read-only'}); press Ctrl-C to stop`)
  const free = await freeBytes?.()
  if (free !== undefined && free < nearlyFull)
    cli.warn(`the file system of ${place} is full: pushes are answered with 507 until space is freed; deletions work`)
  noteSkipped(layout.skipped, writable, cli)
  await printStart(page, url, flags, { identity, files: layout.files, site }, cli)
  if (!cli.signal.aborted) await once(cli.signal, 'abort')
  followed[Symbol.dispose]()
  await server.close({ graceMilliseconds })
  cli.exit(exitCodes.done)
}
