import { escaped, quoted } from '../../text/printable.ts'
import { goQuote } from '../go/go-quote.ts'
import { tryNormaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import { hasFeature } from '../k3s-features.ts'
import { namedFiles } from '../lint/named-files.ts'
import type { Discovery, LintContext, Rule } from '../lint/rule.ts'
import { readTomlKey, readTomlText } from '../lint/toml-text.ts'
import { oncePerPlace, writtenEndpoints } from '../lint/written-places.ts'
import { shown } from '../shown-text.ts'

const noStart = 'which makes the config.toml no TOML: containerd does not start, and neither does the node'
const bypassed = 'which makes the hosts.toml no TOML: containerd passes over it'

/** The first character of a text that Go's %q writes in a way that TOML does not know. */
function strangeCharacter(text: string): string | undefined {
  return Array.from(text).find((c) => readTomlText(goQuote(c)) !== c)
}

function* checkKeys({ parsed, version }: LintContext): Iterable<Discovery> {
  const quote = hasFeature(version, 'config-version-3') ? "'" : '"'
  for (const [key, { auth }] of parsed.registries.configs) {
    const read = readTomlKey(quote + key + quote)
    if (auth === undefined || read === key) continue
    yield {
      position: parsed.positionOf(['configs', key]),
      message:
        read === undefined
          ? `K3s writes the key ${shown(key)} between ${quote} into the config.toml, ${noStart}`
          : `K3s writes the key ${shown(key)} between ${quote} into the config.toml, where it reads ${shown(read)}`,
      fix: 'Write host[:port] alone, as it stands in the endpoint.',
    }
  }
}

function* checkCredentials({ parsed }: LintContext): Iterable<Discovery> {
  for (const [key, { auth }] of parsed.registries.configs) {
    const { username = '', password = '', auth: encoded = '', identityToken = '' } = auth ?? {}
    for (const [field, value] of Object.entries({ username, password, auth: encoded, identity_token: identityToken })) {
      const character = strangeCharacter(value)
      if (character === undefined) continue
      yield {
        position: parsed.positionOf(['configs', key, 'auth', field]),
        message: `the ${field} of ${shown(key)} has the character ${escaped(character)} in it, ${noStart}`,
        fix: 'Write it without control characters.',
      }
    }
  }
}

function* checkFiles(context: LintContext): Iterable<Discovery> {
  for (const { path, position } of namedFiles(context)) {
    const character = strangeCharacter(path)
    if (character === undefined) continue
    yield {
      position,
      message: `the file name ${quoted(path)} has a control character in it, ${bypassed}`,
      fix: 'Give the file another name.',
    }
  }
}

function* checkUrls(context: LintContext): Iterable<Discovery> {
  const { parsed, flags } = context
  const { mirrors, configs } = parsed.registries
  const keys = [
    ...[...mirrors.keys()].map((key) => ({ key, position: parsed.positionOf(['mirrors', key]) })),
    ...[...configs]
      .filter(([, { auth, tls }]) => auth !== undefined || tls !== undefined)
      .map(([key]) => ({ key, position: parsed.positionOf(['configs', key]) })),
  ]
  const urls = [
    ...keys.map(({ key, position }) => ({ text: key, position, url: tryNormaliseEndpoint(key, flags.embeddedRegistry)?.url })),
    ...writtenEndpoints(context).map(({ text, position, endpoint }) => ({ text, position, url: endpoint?.url })),
  ]
  for (const { text, position, url } of urls) {
    if (url === undefined || readTomlText(`"${url}"`) === url) continue
    yield {
      position,
      message: `K3s writes ${shown(text)} into the hosts.toml without escaping it, ${bypassed}`,
      fix: 'Write the address without quotes and backslashes.',
    }
  }
}

/** Characters that break the files which K3s writes. */
export const tomlEscapes: Rule = {
  id: 'toml-escapes',
  severity: 'error',
  title: 'Characters that break the files K3s writes',
  about: `K3s writes its TOML files by a template. A \`'\` in a key of \`configs\` that has \`auth\` ends the quotes of config.toml early
(before containerd 2 a \`"\` does); control characters in credentials and file names are written as \`\\a\`, \`\\v\` or \`\\x1b\`, which
TOML does not know; quotes and backslashes in an endpoint are written as they are. Without a valid config.toml containerd does not start;
a hosts.toml that is no TOML is passed over.`,
  *check(context) {
    if (context.parsed.problems.length > 0) return
    yield* oncePerPlace([...checkKeys(context), ...checkCredentials(context), ...checkFiles(context), ...checkUrls(context)])
  },
}
