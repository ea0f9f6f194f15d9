import type { CompletedCommand, CompletedOption } from './completed-commands.ts'

function flagsOf({ long, short }: CompletedOption): readonly string[] {
  return short === undefined ? [long] : [short, long]
}

/** The lines of a case over the option before the cursor: its choices, files, or nothing. */
function valueCases({ path, options }: CompletedCommand): readonly string[] {
  return options.flatMap((option) => {
    if (option.value === 'none') return []
    const pattern = flagsOf(option)
      .map((flag) => `"${path} ${flag}"`)
      .join(' | ')
    const offered = typeof option.value === 'string' ? (option.value === 'text' ? 'nothing' : 'files') : `words ${option.value.join(' ')}`
    return [`    ${pattern}) _k3s_mirror_${offered}; return ;;`]
  })
}

function commandCase({ path, commands, options, argument }: CompletedCommand): string {
  const words = typeof argument === 'string' ? commands.map(({ name }) => name) : argument
  const flags = options.flatMap(flagsOf).join(' ')
  const rest = words.length > 0 ? `words ${words.join(' ')}` : argument === 'file' ? 'files' : 'nothing'
  return `    "${path}") if [[ $cur == -* ]]; then _k3s_mirror_words ${flags}; else _k3s_mirror_${rest}; fi ;;`
}

/** The completion script of bash 3.2 and later, without other packages. */
export function bashCompletion(commands: readonly CompletedCommand[]): string {
  return `# bash completion for k3s-mirror
# Load it with: source <(k3s-mirror completion bash)

_k3s_mirror_words() { _k3s_mirror_nothing; COMPREPLY=($(compgen -W "$*" -- "$cur")); }
# An empty answer makes readline complete files.
_k3s_mirror_files() { COMPREPLY=(); }
_k3s_mirror_nothing() { COMPREPLY=(); compopt +o default +o bashdefault 2>/dev/null; }

_k3s_mirror() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} path= i
  # In --output=json the "=" is a word.
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path/\${COMP_WORDS[i]}" in
      ${commands
        .map(({ path }) => path)
        .filter((path) => path !== '')
        .join(' | ')}) path="$path/\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path $prev" in
${commands.flatMap(valueCases).join('\n')}
  esac
  case "$path" in
${commands.map(commandCase).join('\n')}
  esac
}
complete -o bashdefault -o default -F _k3s_mirror k3s-mirror
`
}
