import { Option } from 'commander'

/** Options that belong together, in the order of `--help`. */
export type OptionGroup = readonly Option[]

/** What a command is: all that `--help` shows, without what it does. */
export interface CommandDefinition {
  readonly description: string
  readonly arguments?: readonly (readonly [name: string, description: string, value?: string])[]
  readonly options: OptionGroup
  /** Printed below the options. */
  readonly help?: string
}

/** One option; `parse` makes its value of each text that is given. */
export function option<T>(flags: string, description: string, parse?: (value: string, previous: T) => T): Option {
  const made = new Option(flags, description)
  return parse === undefined ? made : made.argParser(parse)
}
