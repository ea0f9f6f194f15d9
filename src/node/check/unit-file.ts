/** What of a systemd unit decides the settings of K3s: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html */
export interface ServiceUnit {
  /** Words of `ExecStart`, without the program. */
  readonly args: readonly string[]
  readonly environment: ReadonlyMap<string, string>
  /** In the order in which systemd reads them. */
  readonly environmentFiles: readonly string[]
}

/** Splits a command line as a shell does, without variables and commands. */
function splitWords(text: string): readonly string[] {
  const words = text.match(/(?:[^\s"'\\]|\\[^]|"(?:[^"\\]|\\[^])*"|'[^']*')+/g) ?? []
  return words.map((word) =>
    word.replace(/\\([^])|"((?:[^"\\]|\\[^])*)"|'([^']*)'/g, (_, escape?: string, double?: string, single?: string) => {
      return escape ?? single ?? (double ?? '').replace(/\\([^])/g, '$1')
    }),
  )
}

/** The variables of an environment file, also of one that a shell reads: https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile= */
export function parseEnvironmentFile(text: string): ReadonlyMap<string, string> {
  const lines = text.replace(/\\\r?\n/g, '').split(/\r?\n/)
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const [, name, value = ''] = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(line) ?? []
      // Without quotes systemd keeps spaces within a value.
      const isQuoted = /["'\\]/.test(value)
      return name === undefined ? [] : [[name, isQuoted ? splitWords(value).join(' ') : value.trim()]]
    }),
  )
}

/** Reads a systemd unit and its drop-ins, in order. `name` is the unit without `.service`. */
export function parseUnit(texts: readonly string[], name: string): ServiceUnit {
  let args: readonly string[] = []
  const environment = new Map<string, string>()
  let environmentFiles: string[] = []
  for (const line of texts.flatMap((text) => text.replace(/\\\r?\n/g, ' ').split(/\r?\n/))) {
    const [, key, value = ''] = /^\s*(ExecStart|Environment|EnvironmentFile)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (key === 'ExecStart') args = splitWords(value).slice(1)
    if (key === 'Environment') {
      if (value === '') environment.clear()
      for (const word of splitWords(value)) {
        const at = word.indexOf('=')
        if (at > 0) environment.set(word.slice(0, at), word.slice(at + 1))
      }
    }
    if (key === 'EnvironmentFile') {
      if (value === '') environmentFiles = []
      else environmentFiles.push(value.replace(/^-/, '').replaceAll('%N', name).replaceAll('%n', `${name}.service`))
    }
  }
  return { args, environment, environmentFiles }
}

/** Reads a service script of OpenRC, as K3s' install script writes it. */
export function parseOpenRc(text: string): ServiceUnit {
  const [, given = ''] = /^command_args="((?:[^"\\]|\\[^])*)"/m.exec(text) ?? []
  const words = splitWords(given.replace(/\\(["$`\\])/g, '$1').replace(/\\\n/g, ' '))
  const redirect = words.findIndex((word) => word.startsWith('>'))
  const environmentFiles = [...text.matchAll(/\[ -f (\S+) \]; then \. \1/g)].map(([, file = '']) => file)
  return { args: redirect === -1 ? words : words.slice(0, redirect), environment: new Map(), environmentFiles }
}
