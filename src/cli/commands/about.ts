import { type CommandDefinition } from '../options/option.ts'
import { output } from '../options/output.ts'

/** The shells that completions are printed for. */
export const shells = ['bash', 'zsh', 'fish'] as const

/** One of these shells. */
export type Shell = (typeof shells)[number]

/** `k3s-mirror completion`. */
export const completion: CommandDefinition = {
  description: 'print the completion script of a shell',
  arguments: [['<shell>', 'bash, zsh or fish']],
  options: [],
  examples: [
    'completion bash > /etc/bash_completion.d/k3s-mirror',
    'completion zsh > /usr/local/share/zsh/site-functions/_k3s-mirror',
    'completion fish > ~/.config/fish/completions/k3s-mirror.fish',
  ],
}

/** `k3s-mirror version`. */
export const versionCommand: CommandDefinition = {
  description: 'print the version, the commit and the Node.js version',
  options: [...output],
  examples: ['version', 'version --output json'],
}

/** `k3s-mirror help`. */
export const help: CommandDefinition = {
  description: 'print the help of a command',
  arguments: [['[command...]', 'the command, as in bundle push']],
  options: [],
  examples: ['help mirror', 'help bundle push'],
}
