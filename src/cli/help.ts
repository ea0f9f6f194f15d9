import { Help, type AddHelpTextContext, type Command, type HelpConfiguration } from 'commander'
import { CliOption, type CommandDefinition, type HelpSection } from './options/option.ts'

/** Columns of the widest help. */
const mostColumns = 100

/** Columns of the widest name; the description of a longer one starts on the next line. */
const mostTermColumns = 32

/** The width of help on a stream: that of its terminal, 80 elsewhere. */
export function helpWidth({ isTTY, columns }: { readonly isTTY?: boolean; readonly columns?: number }): number {
  return isTTY === true && columns !== undefined && columns > 0 ? Math.min(columns, mostColumns) : 80
}

/** What follows the description of an option in parentheses: required, repeatable, choices, default. */
export function optionNotes(option: CliOption): readonly string[] {
  const { argChoices, defaultValue, defaultValueDescription, isRequired, isRepeatable } = option
  const value = defaultValueDescription ?? (typeof defaultValue === 'string' ? defaultValue : undefined)
  return [
    ...(isRequired ? ['required'] : []),
    ...(isRepeatable ? ['repeatable'] : []),
    ...(argChoices === undefined ? [] : [argChoices.join(', ')]),
    ...(value === undefined ? [] : [`default: ${value}`]),
  ]
}

/** A description with notes in parentheses; it may end with such a note already. */
export function withNotes(description: string, notes: readonly string[]): string {
  if (notes.length === 0) return description
  const [, text = description, note] = /^(.*) \(([^()]*)\)$/.exec(description) ?? []
  return `${text} (${[...(note === undefined ? [] : [note]), ...notes].join('; ')})`
}

/** How commander shows commands and options. */
export const helpFormat: HelpConfiguration = {
  // Long flags line up, with a short one or without.
  optionTerm: ({ short, flags }) => (short === undefined ? `    ${flags}` : flags),
  optionDescription: (option) => withNotes(option.description, option instanceof CliOption ? optionNotes(option) : []),
  argumentDescription: ({ description, defaultValue }) =>
    withNotes(description, typeof defaultValue === 'string' ? [`default: ${defaultValue}`] : []),
  subcommandTerm: (command) => command.name(),
  visibleCommands: (command) => [...command.commands],
  padWidth: (command, helper) => Math.min(mostTermColumns, Help.prototype.padWidth.call(helper, command, helper)),
  formatItem: (term, width, description, helper) =>
    term.length <= width
      ? Help.prototype.formatItem.call(helper, term, width, description, helper)
      : `  ${term}\n${Help.prototype.formatItem.call(helper, '', width, description, helper)}`,
}

const environment: HelpSection = [
  'Environment',
  'K3S_MIRROR_<OPTION> sets an option, as in K3S_MIRROR_BLOB_JOBS=4. The command line wins. Whitespace separates values.',
]

/** Examples and sections, which follow the options. */
export function helpBelow({ examples, sections = [], options }: CommandDefinition): (context: AddHelpTextContext) => string {
  return ({ command, error }) => {
    const width = helpWidth(error ? process.stderr : process.stdout)
    const all = options.length === 0 ? sections : [...sections, environment]
    return [
      `\n${examples.length === 1 ? 'Example' : 'Examples'}:`,
      ...examples.map((example) => `  k3s-mirror ${example}`),
      ...(all.length === 0 ? [] : ['']),
      ...all.map((section) => formatSection(section, command, width)),
    ].join('\n')
  }
}

function formatSection([heading, text]: HelpSection, command: Command, width: number): string {
  const wrapped = command.createHelp().boxWrap(`${heading}: ${text}`, width - 2)
  return wrapped.replaceAll('\n', '\n  ')
}
