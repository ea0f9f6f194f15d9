import { readFileSync } from 'node:fs'
import type { NamedCommand } from '../src/cli/command-entry.ts'
import { allCommands, commandTable } from '../src/cli/command-table.ts'
import { optionNotes, withNotes } from '../src/cli/help.ts'
import type { CliOption } from '../src/cli/options/option.ts'

// Markdown converters take `<file>` for HTML and know no tagged paragraphs, so this writes roff: https://man7.org/linux/man-pages/man7/man.7.html

/** Text on one line: backslashes and hyphens are kept as they are, and no line is taken for a request. */
function roff(text: string): string {
  return text
    .replaceAll('\\', String.raw`\e`)
    .replaceAll('-', String.raw`\-`)
    .replaceAll('…', '...')
    .replace(/^[.']/, String.raw`\&$&`)
}

function bold(text: string): string {
  return String.raw`\fB${roff(text)}\fR`
}

function tagged(tag: string, text: string): readonly string[] {
  return ['.TP', tag, roff(text)]
}

function optionLines(option: CliOption): readonly string[] {
  const { short, flag, flags, description } = option
  const value = /[<[].+[>\]]/.exec(flags)?.[0]
  const names = [short, flag].filter((name) => name !== undefined).map(bold)
  return tagged(
    `${names.join(', ')}${value === undefined ? '' : String.raw` \fI${roff(value)}\fR`}`,
    withNotes(description, optionNotes(option)),
  )
}

function synopsisOf({ path, definition, commands }: NamedCommand): string {
  const rest = [
    ...(commands === undefined ? [] : ['<command>']),
    ...(definition.options.length === 0 ? [] : ['[options]']),
    ...(definition.arguments ?? []).map(([name]) => name),
  ]
  return `${bold(['k3s-mirror', ...path].join(' '))} ${roff(rest.join(' '))}`.trimEnd()
}

function commandLines(command: NamedCommand): readonly string[] {
  const { path, definition } = command
  const { description, arguments: given = [], options, examples, sections = [] } = definition
  return [
    `.SS k3s\\-mirror ${roff(path.join(' '))}`,
    synopsisOf(command),
    '.PP',
    roff(`${description[0]?.toUpperCase() ?? ''}${description.slice(1)}.`),
    ...given.flatMap(([name, text]) => tagged(String.raw`\fI${roff(name)}\fR`, text)),
    ...options.flatMap(optionLines),
    ...sections.flatMap(([heading, text]) => ['.PP', `${heading}:`, roff(text)]),
    '.PP',
    'Examples:',
    '.nf',
    ...examples.map((example) => roff(`  k3s-mirror ${example}`)),
    '.fi',
  ]
}

const exitCodes = [
  ['0', 'done; everything was found'],
  ['1', 'some images failed; the others are done'],
  ['2', 'invalid input: an option, a file, a list, a reference or a registries.yaml; nothing was copied'],
  ['3', 'integrity error: a checksum, a digest or a size is wrong; nothing wrong was published'],
  ['4', 'a check found problems (verify, registries lint, bundle check)'],
  ['5', 'done, and something was changed (only with --detailed-exitcode)'],
  ['6', 'the run could not begin: no network, no login, no list, a locked directory, or no Docker Engine; nothing was copied'],
  ['130, 143', 'interrupted'],
] as const

const variables = [
  [
    'K3S_MIRROR_<OPTION>',
    'Sets the option of that name, as in K3S_MIRROR_BLOB_JOBS=4. An option on the command line wins. Values of a repeatable option are separated by whitespace; a switch is true, false, 1 or 0.',
  ],
  ['K3S_MIRROR_USERNAME, K3S_MIRROR_PASSWORD', 'Credentials of the destination, where no configuration file has any.'],
  ['INSTALL_K3S_ARTIFACT_URL, INSTALL_K3S_CHANNEL_URL', 'Defaults of --artifact-url and --channel-url.'],
  ['DOCKER_CONFIG, DOCKER_AUTH_CONFIG, REGISTRY_AUTH_FILE', 'Credentials of Docker, podman and skopeo.'],
  ['DOCKER_HOST', 'Address of the Docker Engine.'],
  ['HTTP_PROXY, HTTPS_PROXY, NO_PROXY', 'Proxies.'],
  ['SSL_CERT_FILE, SSL_CERT_DIR, NODE_EXTRA_CA_CERTS', 'Certificate authorities.'],
  ['NO_COLOR, FORCE_COLOR, CI', 'Colours and progress bars.'],
] as const

/** The manual page of the program, made of the definitions of its commands. */
export function manPage(): string {
  const { version, description } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
    description: string
  }
  const commands = allCommands().filter(({ load }) => load !== undefined)
  const lines = [
    `.TH K3S\\-MIRROR 1 "" "k3s\\-mirror ${roff(version)}" "User Commands"`,
    '.SH NAME',
    roff('k3s-mirror - mirror the images of K3s releases to private registries'),
    '.SH SYNOPSIS',
    `${bold('k3s-mirror')} ${roff('<command> [options]')}`,
    '.SH DESCRIPTION',
    `${roff(description)}.`,
    '.SH OPTIONS',
    ...tagged(`${bold('-h')}, ${bold('--help')}`, 'print the help of the program or of a command'),
    ...tagged(`${bold('-V')}, ${bold('--version')}`, 'print the version'),
    '.SH COMMANDS',
    ...commandTable.filter(({ name }) => name !== 'help').flatMap(({ name, definition }) => tagged(bold(name), definition.description)),
    ...commands.flatMap(commandLines),
    '.SH ENVIRONMENT',
    ...variables.flatMap(([name, text]) => tagged(bold(name), text)),
    '.SH FILES',
    ...tagged(
      roff('/etc/rancher/k3s/registries.yaml'),
      'the registries.yaml of a node, the default of registries lint and of verify --as-node',
    ),
    ...tagged(roff('~/.docker/config.json'), 'credentials of registries'),
    '.SH EXIT STATUS',
    ...exitCodes.flatMap(([code, text]) => tagged(bold(code), text)),
  ]
  return `${lines.join('\n')}\n`
}
