import type { Command } from 'commander'
import { MirrorError } from '../../errors.ts'
import { editDistance, nearestFirst } from '../../oci/nearest.ts'
import { quoted } from '../../text/printable.ts'
import { allCommands } from '../command-table.ts'
import { nameFlag } from '../output/flags.ts'
import type { CliOption, OptionGroup } from './option.ts'

/** Credentials, which are not options. */
const credentials = ['K3S_MIRROR_USERNAME', 'K3S_MIRROR_PASSWORD', 'K3S_MIRROR_NODE_PASSWORD']

/** The most letters in which a misspelled name differs. */
const mostTypos = 3

/** The variable of an option, as in `K3S_MIRROR_BLOB_JOBS`; undefined where the name means a credential. */
export function variableOf({ flag }: CliOption): string | undefined {
  const name = `K3S_MIRROR_${flag.slice(2).replaceAll('-', '_').toUpperCase()}`
  return credentials.includes(name) ? undefined : name
}

const switchTexts: ReadonlySet<string> = new Set(['true', 'false', '1', '0'])

/** True for a text that is meant for another command, where the variable is a switch in one of the two and has values in the other. */
function isForOther({ placeholder }: CliOption, variable: string, text: string): boolean {
  const isSwitch = placeholder === undefined
  if (switchTexts.has(text) === isSwitch) return false
  return allCommands().some(({ definition }) =>
    definition.options.some((other) => variableOf(other) === variable && (other.placeholder === undefined) !== isSwitch),
  )
}

function readSwitch(option: CliOption, text: string, variable: string): boolean {
  const isOn = text === 'true' || text === '1'
  if (!isOn && text !== 'false' && text !== '0')
    throw new MirrorError('USAGE', `invalid value ${quoted(text)} for ${variable}: expected true, false, 1 or 0`)
  return isOn !== option.negate
}

function readValue(option: CliOption, text: string, variable: string): unknown {
  if (option.placeholder === undefined) return readSwitch(option, text, variable)
  if (!option.isRepeatable) return option.read(text, undefined, variable)
  let value: unknown
  const separator = option.isPath && text.includes('oci:') ? /\s*\n\s*/ : /\s+/
  for (const part of text.trim().split(separator)) value = option.read(part, value, variable)
  return value
}

/** Sets the options that the command line has not set from K3S_MIRROR_<OPTION>; messages then name the variable. Throws USAGE. */
export function applyEnvironment(command: Command, options: OptionGroup, env: NodeJS.ProcessEnv): void {
  for (const option of options) {
    const attribute = option.attributeName()
    const source = command.getOptionValueSource(attribute)
    if (source === 'cli') continue
    const variable = variableOf(option)
    const text = variable === undefined ? '' : (env[variable] ?? '')
    if (variable !== undefined && text.trim() !== '' && !isForOther(option, variable, text.trim())) {
      command.setOptionValueWithSource(attribute, readValue(option, text, variable), 'env')
      nameFlag(option.flag, variable)
    } else if (source === 'env' && option.envVar !== undefined) nameFlag(option.flag, option.envVar)
  }
}

/** Warnings about variables that look like ours and set nothing. */
export function unknownVariables(names: readonly string[]): readonly string[] {
  const options = allCommands().flatMap(({ definition }) => definition.options.map(variableOf))
  const known = [...new Set([...credentials, ...options])].filter((name) => name !== undefined)
  return names
    .filter((name) => name.startsWith('K3S_MIRROR_') && !known.includes(name))
    .map((name) => {
      const [nearest = ''] = nearestFirst(name, known)
      const hint = editDistance(name, nearest) <= mostTypos ? `. Did you mean ${nearest}?` : ''
      return `unknown environment variable ${name} is ignored${hint}`
    })
}
