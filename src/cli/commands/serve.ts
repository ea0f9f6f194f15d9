import { InvalidArgumentError, Option, type Command } from 'commander'
import { isMirrorError } from '../../errors.ts'
import type { SkippedEntry } from '../../layout/name-entries.ts'
import type { AccessRecord } from '../../registry-server/registry-server.ts'
import { safeLine } from '../../text/printable.ts'
import type { CliProcess } from '../cli-process.ts'
import { exitCodes } from '../exit-code.ts'
import { openAccessLog } from '../options/access-log.ts'
import { readServerIdentity } from '../options/serve-tls.ts'
import { openServed } from '../options/served.ts'
import { nodeOrigin } from '../output/serve-origin.ts'

/** What requests under way have to end in; the process ends a little later, whatever happens. */
const graceMilliseconds = 3000

/** Failures that are told; a disk that is full of damage need not fill another with lines. */
const mostTold = 1000

/** Free bytes that no image fits into. */
const nearlyFull = 64 * 1024

/** Skipped entries that are named one by one. */
const mostSkipped = 10

interface ServeFlags {
  readonly listen: { readonly host: string; readonly port: number }
  readonly writable?: boolean
  readonly name?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly htpasswd?: string
  readonly accessLog?: string
  readonly quiet?: boolean
  readonly verbose?: boolean
}

function parseListen(value: string): ServeFlags['listen'] {
  const [, literal, name, port] = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]*)):([0-9]{1,5})$/.exec(value) ?? []
  if (port === undefined || Number(port) > 65_535) throw new InvalidArgumentError('Write host:port, as in 127.0.0.1:5000.')
  return { host: literal ?? (name || '0.0.0.0'), port: Number(port) }
}

function accessLine({ method, url, status, bytes, milliseconds }: AccessRecord): string {
  return safeLine(`${new Date().toISOString()} ${method} ${url} ${status} ${bytes} ${Math.round(milliseconds)}ms`)
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

/** Says which registries.yaml nodes need, on standard error because standard output may be the access log. */
function tellNodes(text: string | undefined, notes: readonly string[], note: (line: string) => void): void {
  if (text === undefined) return note('there are no images for nodes yet; once there are, the page at / says what nodes need')
  process.stderr.write(`\n${text}\n`)
  for (const line of notes) note(`note: ${line}`)
}

/** Reports what of a layout is not served. */
function tellSkipped(skipped: readonly SkippedEntry[], writable: boolean, note: (line: string) => void): void {
  if (skipped.length === 0) return
  const entries = skipped.length === 1 ? '1 entry' : `${skipped.length} entries`
  note(`note: ${entries} of index.json ${skipped.length === 1 ? 'is' : 'are'} not served`)
  for (const { entry, why } of skipped.slice(0, mostSkipped)) note(safeLine(`skipped ${entry}: ${why}`))
  if (skipped.length > mostSkipped) note(`skipped ${skipped.length - mostSkipped} more`)
  note(
    writable
      ? 'they are kept as they are; without --writable, --name <registry/repository> names them'
      : 'hint: name them with --name <registry/repository>; with a tag, it also names a single image without a name',
  )
}

/** Says that the free space is used up, where it is. */
function tellFullDisk(free: number | undefined, place: string, warn: (line: string) => void): void {
  if (free === undefined || free >= nearlyFull) return
  warn(`the file system of ${place} is full: pushes are answered with 507 until space is freed; deletions work`)
}

/** Says each failure once: clients ask again and again for what is damaged. */
function failureTeller(warn: (line: string) => void): (error: unknown) => void {
  const told = new Set<string>()
  return (error) => {
    // The loss of the layout is reported when it is found, and not again for each request.
    if (isMirrorError(error) && error.code === 'LAYOUT_LOCKED') return
    const line = `a request failed: ${error instanceof Error ? error.message : String(error)}`
    if (told.has(line) || told.size >= mostTold) return
    told.add(line)
    warn(line)
  }
}

async function runServe(place: string, flags: ServeFlags, cli: CliProcess): Promise<void> {
  const { writable = false } = flags
  const teller = {
    print: (text: string) => cli.print(text),
    note: (line: string) => cli.note(line, flags),
    warn: (line: string) => cli.warn(line, flags),
  }
  const identity = await readServerIdentity(flags.tlsCert, flags.tlsKey)
  for (const warning of identity?.warnings ?? []) cli.warn(warning, flags)
  const { openPasswordFile } = await import('../options/serve-passwords.ts')
  using passwords = flags.htpasswd === undefined ? undefined : await openPasswordFile(flags.htpasswd, teller)
  if (passwords !== undefined && identity === undefined && !isLoopback(flags.listen.host))
    cli.warn('passwords travel unencrypted over plain HTTP: give --tls-cert and --tls-key, or listen on loopback', flags)
  const { createRegistryServer } = await import('../../registry-server/registry-server.ts')
  const { pageSources } = await import('../output/serve-page.ts')
  const { nodeNotes } = await import('../output/serve-nodes.ts')
  await using layout = await openServed(place, { writable, name: flags.name })
  const { lost, freeBytes } = layout
  lost?.addEventListener('abort', () => cli.complain(lost.reason, flags), { once: true })
  await using log = flags.accessLog === undefined ? undefined : await openAccessLog(flags.accessLog, teller)
  const onRequest = (record: AccessRecord): void => {
    log?.write(record)
    if (flags.verbose === true) cli.note(accessLine(record), {})
  }
  const page = pageSources(layout, passwords !== undefined)
  await using server = createRegistryServer({
    layout: layout.reader,
    writable,
    onRequest,
    onFailure: failureTeller((line) => cli.warn(line, flags)),
    page,
    ...(identity && { tls: identity.tls }),
    ...(passwords && { authenticator: passwords.authenticator }),
  })
  const { url } = await server.listen(flags.listen.host, flags.listen.port)
  cli.note(`serving ${place} at ${url} (${writable ? 'writable' : 'read-only'}); Ctrl-C stops`, flags)
  tellFullDisk(await freeBytes?.(), place, teller.warn)
  tellSkipped(layout.skipped, writable, teller.note)
  const origin = nodeOrigin(url, identity?.names ?? [])
  if (flags.quiet !== true)
    tellNodes(
      page.nodeRegistries(origin),
      nodeNotes(origin, { hasPasswords: passwords !== undefined, names: identity?.names }),
      teller.note,
    )
  await stopped(cli.signal)
  await server.close({ graceMilliseconds })
  cli.exit(exitCodes.done)
}

/** Adds `k3s-mirror serve`. */
export function addServeCommand(program: Command, cli: CliProcess): void {
  program
    .command('serve')
    .description(
      'a registry over an OCI layout or a bundle, until Ctrl-C or SIGTERM, which end it with exit code 0; / is a page for people, /metrics is for Prometheus',
    )
    .argument('<place>', 'a directory with a layout, or a new one with --writable where there is none; or a bundle, which is read as it is')
    .addOption(
      new Option('--listen <host:port>', 'where to listen; without a host at every address, with port 0 at any free one')
        .argParser(parseListen)
        .default({ host: '127.0.0.1', port: 5000 }, '127.0.0.1:5000'),
    )
    .option('--writable', 'take pushes and deletions')
    .option('--name <repository[:tag]>', 'name images of a layout that have only a tag; with a tag also one without a name')
    .option('--tls-cert <file>', "the server's certificate and its chain, PEM: HTTPS alone is spoken, TLS 1.2 or later")
    .option('--tls-key <file>', 'its private key, PEM without a passphrase')
    .option('--htpasswd <file>', 'users and their bcrypt hashes: nothing but /healthz is answered without a password')
    .option('--access-log <file>', 'a line of JSON for every request, added to this file or, with "-", printed to standard output')
    .option('--quiet', 'only errors on standard error')
    .option('--verbose', 'a line for every request on standard error')
    .action((place: string, flags: ServeFlags) => runServe(place, flags, cli))
}

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
