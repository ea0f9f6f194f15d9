import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Option, type Command } from 'commander'
import { isMirrorError, MirrorError } from '../../errors.ts'
import { defaultRegistriesFile } from '../../registries-yaml/registries.ts'
import { readPipe } from '../../release/read-pipe.ts'
import type { K3sVersion } from '../../release/version.ts'
import type { VerifyOptions } from '../../runs/verify.ts'
import { readExpectedDigests } from '../../verify/expected-digest.ts'
import { addK3sFlags, addK3sVersion, k3sFlags, type K3sOptionFlags } from './k3s.ts'
import type { OutputFlags } from './output.ts'
import { addTrustedHosts, collectEndpoint, placeOptions, type PlaceFlags } from './places.ts'
import { collect, collectList, selectionOptions, wholeNumber, type SelectionFlags } from './selection.ts'

/** What standard output carries. */
export type VerifyFormat = 'text' | 'json' | 'junit' | 'markdown'

/** What commander makes of the options of `verify`. */
export interface VerifyFlags extends SelectionFlags, K3sOptionFlags, Omit<PlaceFlags, 'to'>, Omit<OutputFlags, 'output' | 'events'> {
  readonly to?: string
  readonly asNode?: boolean
  readonly deep?: boolean
  readonly expect?: string
  readonly k3sVersion?: K3sVersion
  readonly output: VerifyFormat
}

function addPlacesToLook(command: Command): Command {
  const looked = command
    .option('--to <destination>', '[http://|https://]<host>[:port][/prefix], or oci:<directory>: is everything there?')
    .option('--as-node', 'could a node with the file of --registries pull everything? With --to too: and get what is there?')
    .option(
      '--registries <file>',
      `a registries.yaml: credentials and TLS for --to, all that a node knows for --as-node (default there: ${defaultRegistriesFile})`,
    )
  const named = addK3sVersion(addK3sFlags(looked))
    .option('--rewrite <regex=replacement>', 'repositories were renamed so at the destination; as for mirror; repeatable', collect)
    .option('--flatten', 'only the last part of repository names was kept; as for mirror')
    .option('--foreign-layers', 'the layers of Windows base images were copied too; as for mirror')
  return addTrustedHosts(named)
}

/** Adds what `verify` takes beside the selection. */
export function addVerifyOptions(command: Command): Command {
  return addPlacesToLook(command)
    .option(
      '--platform <os/arch[/variant]>',
      'what nodes of these platforms pull; repeatable or comma-separated; default: all that an image names',
      collectList,
    )
    .option('--deep', 'read every blob and compare its digest, instead of asking whether it is there')
    .option('--expect <file>', 'the report of mirror --report: images must still have the digests in it')
    .option(
      '--from <registry=endpoint>',
      'images must have the digests that this endpoint has now; * for every registry; repeatable',
      collectEndpoint,
    )
    .option('--jobs <n>', 'images at once (default: 16)', wholeNumber(1))
    .option('--retries <n>', 'tries after a failure (default: 3)', wholeNumber(0))
    .option(
      '--timeout <seconds>',
      'to connect, for an answer, and within which a transfer must move 1 KiB/s (default: 60; to connect 30)',
      wholeNumber(1),
    )
    .addOption(
      new Option('--output <format>', 'what standard output carries').choices(['text', 'json', 'junit', 'markdown']).default('text'),
    )
    .option('--report <file>', 'write the JSON report to this file too')
    .option('--quiet', 'only errors on standard error')
    .option('--verbose', 'a line for every image and retry as they come, and stack traces')
}

/** What a reader of `--help` should know beside the options. */
export const verifyHelp: string = `
A tag that has moved is a problem where its digest is known: from the reference itself (name:tag@sha256:…), from --expect, from --from, and
with --as-node from --to. Otherwise nothing is compared, and what a tag names now is checked.
With --as-node an image that only its own registry has is a problem: it comes from upstream and not from a mirror.

Credentials for --to and --from come from --registries, DOCKER_AUTH_CONFIG, $DOCKER_CONFIG/config.json with its credential helpers, the logins of
podman and skopeo, then K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD (for --to). A node has only those of its registries.yaml.

Exit codes: 0 all found, 4 something is missing, wrong or out of reach, 1 the check itself failed, 2 bad usage, 3 the list is not the one that
its checksum says, 130 interrupted.`

/** Bytes of a report; one of a thousand images has a few MB. */
const maxReportBytes = 64 * 1024 * 1024

async function readExpected(path: string, signal: AbortSignal): Promise<NonNullable<VerifyOptions['expected']>> {
  const refuse = (why: string, cause?: unknown): never => {
    throw new MirrorError('USAGE', `cannot read ${path}${why}`, { hint: 'Give the file that mirror --report has written.', cause })
  }
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    const facts = await stat(path)
    if (!facts.isFile() && !facts.isFIFO()) refuse(': it is not a file')
    // What blocks while it is opened keeps the process alive, whatever signal comes.
    const stream: AsyncIterable<Uint8Array> = facts.isFIFO() ? readPipe(path, { signal }) : createReadStream(path, { signal })
    for await (const chunk of stream) {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxReportBytes) refuse(': it is larger than 64 MiB')
    }
  } catch (error) {
    signal.throwIfAborted()
    if (isMirrorError(error)) throw error.code === 'USAGE' ? error : refuse(': nobody writes to this named pipe', error)
    refuse(` (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`, error)
  }
  return { name: path, digests: readExpectedDigests(Buffer.concat(chunks).toString('utf8'), path) }
}

/** The library's options for the flags. Throws USAGE for a report that cannot be read. */
export async function verifyOptions(
  references: readonly string[],
  flags: VerifyFlags,
  { signal }: { readonly signal: AbortSignal },
): Promise<VerifyOptions> {
  const { to, asNode = false, deep, expect, registries, k3sVersion } = flags
  return {
    ...placeOptions({ ...flags, to: to ?? '' }),
    ...selectionOptions(references, flags),
    ...k3sFlags(flags),
    to,
    asNode,
    registries: registries ?? (asNode ? defaultRegistriesFile : undefined),
    k3sVersion,
    deep,
    expected: expect === undefined ? undefined : await readExpected(expect, signal),
  }
}
