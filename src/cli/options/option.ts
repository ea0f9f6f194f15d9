import { InvalidArgumentError, Option } from 'commander'
import { MirrorError } from '../../errors.ts'
import { quoted } from '../../text/printable.ts'
import { redactUserinfo } from '../../text/redact.ts'
import { collectDestination, collecting } from './values.ts'

/** Turns the text of an option into its value; `previous` is the value so far, of an option that may be repeated. */
type Parse = (text: string, previous: never) => unknown

/** One option of a command: what commander parses, and what `--help`, completions and the environment need to know of it. */
export class CliOption extends Option {
  /** Set by `makeOptionMandatory`. Checked after parsing, so that an unknown option is reported first. */
  isRequired = false
  readonly isRepeatable: boolean
  /** True where a value may be the name of a directory, which may contain spaces. */
  readonly isPath: boolean
  readonly #parse: Parse | undefined

  constructor(flags: string, description: string, parse?: Parse) {
    super(flags, description)
    this.#parse = parse
    this.isPath = parse === collectDestination
    this.isRepeatable = parse !== undefined && collecting.has(parse)
    if (parse !== undefined || this.required) this.argParser((text: string, previous: unknown) => this.read(text, previous))
  }

  override makeOptionMandatory(isRequired = true): this {
    this.isRequired = isRequired
    return this
  }

  override choices(values: readonly string[]): this {
    super.choices(values)
    return this.argParser((text: string) => this.read(text, undefined))
  }

  /** The long flag, as in `--blob-jobs`. */
  get flag(): string {
    return this.long ?? this.flags
  }

  /** The placeholder of the value, as in `file`; undefined for a switch. */
  get placeholder(): string | undefined {
    return /[<[](.+)[>\]]/.exec(this.flags)?.[1]
  }

  /** The value of a text; `name` is the flag or the variable that it came from. Throws USAGE. */
  read(text: string, previous: unknown, name = this.flag): unknown {
    const refuse = (expected: string): never => {
      throw new MirrorError('USAGE', `invalid value ${quoted(redactUserinfo(text))} for ${name}: ${expected}`)
    }
    if (/^--[a-z]/.test(text)) {
      const hint = `write ${this.flag} <${this.placeholder ?? 'value'}> before ${quoted(text.replace(/=.*/s, ''))}`
      throw new MirrorError('USAGE', `missing value of ${name}`, { hint })
    }
    if (this.argChoices !== undefined && !this.argChoices.includes(text)) refuse(`expected ${this.argChoices.join(', ')}`)
    if (this.#parse === undefined) return text
    try {
      return this.#parse(text, previous as never)
    } catch (error) {
      if (error instanceof InvalidArgumentError) return refuse(error.message)
      throw error
    }
  }
}

/** Options that belong together, in the order of `--help`. */
export type OptionGroup = readonly CliOption[]

/** A section below the options of `--help`: a heading, and a text that is wrapped. */
export type HelpSection = readonly [heading: string, text: string]

/** What a command is: all that `--help` shows, without what it does. */
export interface CommandDefinition {
  readonly description: string
  readonly arguments?: readonly (readonly [name: string, description: string, value?: string])[]
  readonly options: OptionGroup
  /** Command lines, without `k3s-mirror`. */
  readonly examples: readonly string[]
  /** Printed below the examples. */
  readonly sections?: readonly HelpSection[]
}

/** One option; `parse` makes its value of each text that is given. */
export function option(flags: string, description: string, parse?: Parse): CliOption {
  return new CliOption(flags, description, parse)
}

/** Options under one heading of `--help`. */
export function inGroup(heading: string, options: OptionGroup): OptionGroup {
  for (const one of options) one.helpGroup(`${heading}:`)
  return options
}
