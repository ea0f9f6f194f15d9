import type { CompletedCommand, CompletedName, CompletedOption, ValueKind } from './completed-commands.ts'

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

/** A text within a specification of _arguments, where brackets and colons have a meaning. */
function escape(text: string): string {
  return text.replace(/[[\]:\\]/g, String.raw`\$&`)
}

function actionOf(value: ValueKind): string {
  if (typeof value !== 'string') return `(${value.join(' ')})`
  return value === 'file' ? '_files' : value === 'directory' ? '_files -/' : ' '
}

function specification({ long, short, description, isRepeatable, value }: CompletedOption): string {
  const shown = `[${escape(description)}]${value === 'none' ? '' : `:value:${actionOf(value)}`}`
  const [own, other] = value === 'none' ? [long, short] : [`${long}=`, short && `${short}+`]
  if (isRepeatable) return quote(`*${own}${shown}`)
  return other === undefined ? quote(`${own}${shown}`) : `${quote(`(${short} ${long})`)}{${other},${own}}${quote(shown)}`
}

function functionName(path: string): string {
  return `_k3s-mirror${path.replaceAll('/', '_')}`
}

function described(names: readonly CompletedName[]): string {
  return names.map(({ name, description }) => `    ${quote(`${name}:${description}`)}`).join('\n')
}

function functionOf({ path, commands, options, argument }: CompletedCommand): string {
  const specifications = options.map(specification)
  if (commands.length === 0) {
    const rest = argument === 'text' ? [] : [quote(`*:argument:${actionOf(argument)}`)]
    return `${functionName(path)}() {\n  _arguments -s -S \\\n    ${[...specifications, ...rest].join(' \\\n    ')}\n}\n`
  }
  const cases = commands.map(
    ({ name }) => `        ${name}) (( $+functions[${functionName(`${path}/${name}`)}] )) && ${functionName(`${path}/${name}`)} ;;`,
  )
  return `${functionName(path)}() {
  local curcontext=$curcontext state line
  local -a commands
  commands=(
${described(commands)}
  )
  _arguments -C \\
    ${[...specifications, quote('1:command:->command'), quote('*::argument:->argument')].join(' \\\n    ')}
  case $state in
    command) _describe -t commands command commands ;;
    argument)
      case $words[1] in
${cases.join('\n')}
      esac ;;
  esac
}
`
}

/** The completion script of zsh, for a file _k3s-mirror on its fpath. */
export function zshCompletion(commands: readonly CompletedCommand[]): string {
  return `#compdef k3s-mirror
# zsh completion for k3s-mirror
# Load it with: source <(k3s-mirror completion zsh), or save it as _k3s-mirror in a directory on $fpath

${commands.map(functionOf).join('\n')}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _k3s-mirror "$@"
else
  compdef _k3s-mirror k3s-mirror
fi
`
}
