/** A command of a page and the output that the page shows for it. */
export interface DocumentedCommand {
  readonly source: string
  /** Undefined in a block that shows no output. */
  readonly output: string | undefined
}

/** A part of a page that the runner acts on, in the order of the page. */
export type PageStep =
  /** `exit=4` in the info string: the last command ends with that status. */
  | { readonly kind: 'commands'; readonly line: number; readonly commands: readonly DocumentedCommand[]; readonly status: number }
  /** `file=<name>` in the info string: the block is the content of that file. */
  | { readonly kind: 'file'; readonly line: number; readonly name: string; readonly content: string }
  /** `<!-- offline -->`: from here to `<!-- online -->` only `registry.example.com` can be reached. */
  | { readonly kind: 'offline' | 'online'; readonly line: number }

/** A page of the documentation. */
export interface Page {
  readonly steps: readonly PageStep[]
  /** Words of `<!-- machine: login private-ca -->`: what differs from a machine where every registry is open and trusted. */
  readonly traits: readonly string[]
  /** Blocks that no test runs, with the reason that each one states. */
  readonly skipped: readonly { readonly line: number; readonly reason: string | undefined }[]
}

const commandLanguages: ReadonlySet<string> = new Set(['console', 'sh'])
const fence = /^( *)```(\w+)?(.*)$/

/** Reads the command blocks of a page: `console` shows output, `sh` does not; `no-run reason="…"` exempts a block. */
export function parsePage(text: string): Page {
  const lines = text.split('\n')
  const steps: PageStep[] = []
  const skipped: { line: number; reason: string | undefined }[] = []
  let traits: readonly string[] = []
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? ''
    const machine = /^<!-- machine: (.+) -->$/.exec(line)?.[1]
    if (machine !== undefined) traits = machine.split(' ')
    if (line === '<!-- offline -->') steps.push({ kind: 'offline', line: index + 1 })
    if (line === '<!-- online -->') steps.push({ kind: 'online', line: index + 1 })
    const [, indent = '', language = '', info = ''] = fence.exec(line) ?? []
    if (language === '') continue
    const start = index + 1
    const end = lines.findIndex((other, position) => position >= start && other === `${indent}\`\`\``)
    if (end === -1) throw new Error(`line ${start}: the block has no end`)
    index = end
    const body = lines.slice(start, end).map((text) => text.slice(indent.length))
    const name = / file=(\S+)/.exec(info)?.[1]
    if (info.includes(' no-run')) skipped.push({ line: start, reason: / reason="([^"]+)"/.exec(info)?.[1] })
    else if (name !== undefined) steps.push({ kind: 'file', line: start, name, content: `${body.join('\n')}\n` })
    else if (commandLanguages.has(language)) {
      const commands = language === 'sh' ? scriptCommands(body) : consoleCommands(body, start)
      steps.push({ kind: 'commands', line: start, commands, status: Number(/ exit=(\d+)/.exec(info)?.[1] ?? 0) })
    }
  }
  return { steps, traits, skipped }
}

/** The page with the outputs that `outputs` holds, in the order of its `console` commands. */
export function withOutputs(text: string, outputs: readonly string[]): string {
  const rest = [...outputs]
  const lines = text.split('\n')
  const result: string[] = []
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? ''
    result.push(line)
    const [, indent = '', language = '', info = ''] = fence.exec(line) ?? []
    if (language === '') continue
    const end = lines.findIndex((other, position) => position > index && other === `${indent}\`\`\``)
    const body = lines.slice(index + 1, end)
    const isRun = language === 'console' && !info.includes(' no-run') && !info.includes(' file=')
    if (isRun) {
      for (const { shown } of splitConsole(body.map((text) => text.slice(indent.length)))) {
        const output = rest.shift() ?? ''
        const printed = output === '' ? [] : output.replace(/\n$/, '').split('\n')
        result.push(...[...shown, ...printed].map((text) => (text === '' ? '' : indent + text)))
      }
    } else result.push(...body)
    result.push(lines[end] ?? '')
    index = end
  }
  return result.join('\n')
}

/** Commands of a script: a line that ends in a backslash continues. */
function scriptCommands(lines: readonly string[]): readonly DocumentedCommand[] {
  const commands: string[] = []
  let open = ''
  for (const line of lines) {
    open += line
    if (line.endsWith('\\')) open += '\n'
    else {
      if (open.trim() !== '' && !open.trimStart().startsWith('#')) commands.push(open)
      open = ''
    }
  }
  return commands.map((source) => ({ source, output: undefined }))
}

function consoleCommands(lines: readonly string[], line: number): readonly DocumentedCommand[] {
  const parts = splitConsole(lines)
  if (parts.length === 0) throw new Error(`line ${line}: the block has no line that begins with "$ "`)
  return parts.map(({ shown, output }) => ({ source: shown.join('\n').slice(2), output: output.map((text) => `${text}\n`).join('') }))
}

function splitConsole(lines: readonly string[]): readonly { readonly shown: string[]; readonly output: string[] }[] {
  const parts: { shown: string[]; output: string[] }[] = []
  for (const line of lines) {
    const last = parts.at(-1)
    if (line.startsWith('$ ')) parts.push({ shown: [line], output: [] })
    else if (last === undefined) throw new Error(`the block begins with "${line}" and not with "$ "`)
    else if (last.output.length === 0 && last.shown.at(-1)?.endsWith('\\') === true) last.shown.push(line)
    else last.output.push(line)
  }
  return parts
}
