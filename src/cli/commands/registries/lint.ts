import { defaultRegistriesFile } from '../../../registries-yaml/registries.ts'
import { k3sServer, k3sVersion, type K3sOptionFlags } from '../../options/k3s.ts'
import { option, type CommandDefinition } from '../../options/option.ts'
import { output, type OutputFlags } from '../../options/output.ts'

/** What commander makes of the options of `registries lint`. */
export interface LintFlags extends K3sOptionFlags, OutputFlags {
  readonly files: boolean
}

/** `k3s-mirror registries lint`. */
export const registriesLint: CommandDefinition = {
  description: 'say what nodes will not do as the file seems to say, and how to write it; exits with 4 when a finding is an error',
  arguments: [['[file]', 'a registries.yaml; - is standard input', defaultRegistriesFile]],
  options: [
    option('--no-files', 'the file is for another machine: do not look at the certificates and keys that it names'),
    ...k3sServer,
    ...k3sVersion,
    ...output,
  ],
}
