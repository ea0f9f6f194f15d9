import type { CompletedCommand, CompletedOption, ValueKind } from './completed-commands.ts'

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, String.raw`\$&`)}'`
}

function valueFlags(value: ValueKind): string {
  if (typeof value !== 'string') return ` -x -a ${quote(value.join(' '))}`
  if (value === 'none') return ''
  return value === 'text' ? ' -x' : value === 'file' ? ' -r -F' : " -x -a '(__fish_complete_directories)'"
}

function linesOf({ path, commands, options, argument }: CompletedCommand): readonly string[] {
  const at = `complete -c k3s-mirror -n ${quote(`__k3s_mirror_at ${quote(path)}`)}`
  const optionLine = ({ long, short, description, value }: CompletedOption): string =>
    `${at} -l ${long.slice(2)}${short === undefined ? '' : ` -s ${short.slice(1)}`}${valueFlags(value)} -d ${quote(description)}`
  const words = typeof argument === 'string' ? [] : [`${at} -f -a ${quote(argument.join(' '))}`]
  const files = argument === 'file' ? [`${at} -F`] : []
  return [
    ...commands.map(({ name, description }) => `${at} -a ${name} -d ${quote(description)}`),
    ...words,
    ...files,
    ...options.map(optionLine),
  ]
}

/** The completion script of fish 3. */
export function fishCompletion(commands: readonly CompletedCommand[]): string {
  const paths = commands.map(({ path }) => path).filter((path) => path !== '')
  return `# fish completion for k3s-mirror
# Load it with: k3s-mirror completion fish | source

function __k3s_mirror_at
    set -l path ''
    set -l words (commandline -opc)
    for word in $words[2..-1]
        switch "$path/$word"
            case ${paths.join(' ')}
                set path "$path/$word"
        end
    end
    test "$path" = "$argv[1]"
end

complete -c k3s-mirror -f
${commands.flatMap(linesOf).join('\n')}
`
}
