import { once } from 'node:events'
import { isMirrorError } from '../../errors.ts'
import { isLoopback } from '../../http/address.ts'
import type { SkippedEntry } from '../../layout/name-entries.ts'
import { createRegistryServer } from '../../registry-server/registry-server.ts'
import type { CliProcess } from '../cli-process.ts'
import type { ServeFlags } from '../commands/serve.ts'
import { exitCodes } from '../exit-code.ts'
import { openAccessLog } from '../files/access-log.ts'
import { openPasswordFile } from '../files/password-file.ts'
import { openServed } from '../files/served.ts'
import { readServerIdentity } from '../files/server-identity.ts'
import { nodeNotes, nodeOrigin, pageSources } from '../output/serve-nodes.ts'

/** What requests under way have to end in; the process ends a little later, whatever happens. */
const graceMilliseconds = 3000

/** Failures that are reported; a disk that is full of damage need not fill another with lines. */
const mostReported = 1000

/** Free bytes that no image fits into. */
const nearlyFull = 64 * 1024

/** Skipped entries that are named one by one. */
const mostSkipped = 10

/** Says which registries.yaml nodes need, on standard error because standard output may be the access log. */
function noteNodes(text: string | undefined, notes: readonly string[], { note }: CliProcess): void {
  if (text === undefined) return note('there are no images for nodes yet; once there are, the page at / says what nodes need')
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
      ? 'they are kept as they are; without --writable, --name <registry/repository> names them'
      : 'hint: name them with --name <registry/repository>; with a tag, it also names a single image without a name',
  )
}

/** Warns of each failure once: clients ask again and again for what is damaged. */
function failureReporter({ warn }: CliProcess): (error: unknown) => void {
  const reported = new Set<string>()
  return (error) => {
    // The loss of the layout is reported when it is found, and not again for each request.
    if (isMirrorError(error) && error.code === 'LAYOUT_LOCKED') return
    const line = `a request failed: ${error instanceof Error ? error.message : String(error)}`
    if (reported.has(line) || reported.size >= mostReported) return
    reported.add(line)
    warn(line)
  }
}

/** Serves a layout or a bundle until a signal comes. */
export async function runServe(cli: CliProcess, flags: ServeFlags, place: string): Promise<void> {
  const { listen, writable = false, name, tlsCert, tlsKey, htpasswd, accessLog, quiet, verbose } = flags
  const identity = await readServerIdentity(tlsCert, tlsKey)
  for (const warning of identity?.warnings ?? []) cli.warn(warning)
  using passwords = htpasswd === undefined ? undefined : await openPasswordFile(htpasswd, cli)
  const hasPasswords = passwords !== undefined
  if (hasPasswords && identity === undefined && !isLoopback(listen.host))
    cli.warn('passwords travel unencrypted over plain HTTP: give --tls-cert and --tls-key, or listen on loopback')
  await using layout = await openServed(place, { writable, name })
  const { lost, freeBytes } = layout
  lost?.addEventListener('abort', () => cli.complain(lost.reason), { once: true })
  await using log = accessLog === undefined ? undefined : await openAccessLog(accessLog, cli)
  const page = pageSources(layout, hasPasswords)
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
    ...(identity && { tls: identity.tls }),
    ...(passwords && { authenticator: passwords.authenticator }),
  })
  const { url } = await server.listen(listen.host, listen.port)
  cli.note(`serving ${place} at ${url} (${writable ? 'writable' : 'read-only'}); Ctrl-C stops`)
  const free = await freeBytes?.()
  if (free !== undefined && free < nearlyFull)
    cli.warn(`the file system of ${place} is full: pushes are answered with 507 until space is freed; deletions work`)
  noteSkipped(layout.skipped, writable, cli)
  const origin = nodeOrigin(url, identity?.names ?? [])
  if (quiet !== true) noteNodes(page.nodeRegistries(origin), nodeNotes(origin, { hasPasswords, names: identity?.names }), cli)
  if (!cli.signal.aborted) await once(cli.signal, 'abort')
  await server.close({ graceMilliseconds })
  cli.exit(exitCodes.done)
}
