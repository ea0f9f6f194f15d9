import { defaultRegistriesFile } from '../../registries-yaml/registries.ts'
import { k3sServer, k3sVersion, type K3sOptionFlags } from '../options/k3s.ts'
import { option, type CommandDefinition } from '../options/option.ts'
import { report, type OutputFlags } from '../options/output.ts'
import { timeout, trustedHosts, type PlaceFlags } from '../options/places.ts'
import { references, selection, type SelectionFlags } from '../options/selection.ts'
import { collect, collectEndpoint, collectList, wholeNumber } from '../options/values.ts'

/** What commander makes of the options of `verify`. */
export interface VerifyFlags extends SelectionFlags, K3sOptionFlags, Omit<PlaceFlags, 'to'>, OutputFlags {
  readonly to?: string
  readonly asNode?: boolean
  readonly deep?: boolean
  readonly expect?: string
  readonly report?: string
}

/** `k3s-mirror verify`. */
export const verifyCommand: CommandDefinition = {
  description: 'is every image, platform and blob there? could a node pull it all? changes nothing',
  arguments: [references],
  options: [
    ...selection,
    option('--to <destination>', '[http://|https://]<host>[:port][/prefix], or oci:<directory>: is everything there?'),
    option('--as-node', 'could a node with the file of --registries pull everything? With --to too: and get what is there?'),
    option(
      '--registries <file>',
      `a registries.yaml: credentials and TLS for --to, all that a node knows for --as-node (default there: ${defaultRegistriesFile})`,
    ),
    ...k3sServer,
    ...k3sVersion,
    option('--rewrite <regex=replacement>', 'repositories were renamed so at the destination; as for mirror; repeatable', collect),
    option('--flatten', 'only the last part of repository names was kept; as for mirror'),
    option('--foreign-layers', 'the layers of Windows base images were copied too; as for mirror'),
    ...trustedHosts,
    option(
      '--platform <os/arch[/variant]>',
      'what nodes of these platforms pull; repeatable or comma-separated; default: all that an image names',
      collectList,
    ),
    option('--deep', 'read every blob and compare its digest, instead of asking whether it is there'),
    option('--expect <file>', 'the report of mirror --report: images must still have the digests in it'),
    option(
      '--from <registry=endpoint>',
      'images must have the digests that this endpoint has now; * for every registry; repeatable',
      collectEndpoint,
    ),
    option('--jobs <n>', 'images at once (default: 16)', wholeNumber(1)),
    option('--retries <n>', 'tries after a failure (default: 3)', wholeNumber(0)),
    ...timeout,
    option('--output <format>', 'what standard output carries').choices(['text', 'json', 'junit', 'markdown']).default('text'),
    ...report,
    option('--quiet', 'only errors on standard error'),
    option('--verbose', 'a line for every image and retry as they come, and stack traces'),
  ],
  help: `
A tag that has moved is a problem where its digest is known: from the reference itself (name:tag@sha256:…), from --expect, from --from, and
with --as-node from --to. Otherwise nothing is compared, and what a tag names now is checked.
With --as-node an image that only its own registry has is a problem: it comes from upstream and not from a mirror.

Credentials for --to and --from come from --registries, DOCKER_AUTH_CONFIG, $DOCKER_CONFIG/config.json with its credential helpers, the logins of
podman and skopeo, then K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD (for --to). A node has only those of its registries.yaml.

Exit codes: 0 all found, 4 something is missing, wrong or out of reach, 1 the check itself failed, 2 bad usage, 3 the list is not the one that
its checksum says, 130 interrupted.`,
}
