import { option, type CommandDefinition } from '../../options/option.ts'
import { output, type OutputFlags } from '../../options/output.ts'
import { references, selection, type SelectionFlags } from '../../options/selection.ts'
import { collect } from '../../options/values.ts'

/** What commander makes of the options that decide what nodes are told; names at the destination are made as `mirror` makes them with the same ones. */
export interface NodeFlags {
  readonly to: string
  readonly registries?: string
  readonly rewrite?: readonly string[]
  readonly flatten?: boolean
  readonly wildcard?: boolean
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
  readonly username?: string
}

/** What commander makes of the options of `registries generate`. */
export interface GenerateFlags extends NodeFlags, SelectionFlags, OutputFlags {
  readonly out?: string
  readonly force?: boolean
}

/** `k3s-mirror registries generate`. */
export const registriesGenerate: CommandDefinition = {
  description: 'a registries.yaml with which nodes find the images at the destination',
  arguments: [references],
  options: [
    option('--to <destination>', '[http://|https://]<host>[:port][/prefix], as given to mirror; required').makeOptionMandatory(),
    ...selection,
    option('--rewrite <regex=replacement>', 'as given to mirror; repeatable', collect),
    option('--flatten', 'as given to mirror'),
    option('--wildcard', 'one mirror for every registry, those of other images too'),
    option('--ca-file <path>', "where the CA of the destination's certificate lies on nodes"),
    option('--cert-file <path>', 'where the client certificate of nodes lies on them'),
    option('--key-file <path>', 'where its key lies on nodes'),
    option('--username <name>', 'the account that nodes pull with; its password is left to be filled in'),
    option('--registries <file>', 'a registries.yaml that is in use here, whose configs tell TLS and credentials of the destination'),
    option('--out <file>', 'write it to this file, with the credentials of --registries, in place of standard output'),
    option('--force', 'write over a file that is there'),
    ...output,
  ],
}
