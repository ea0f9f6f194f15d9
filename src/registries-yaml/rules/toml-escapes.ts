import { quoted, escaped } from '../../text/printable.ts'
import { goQuote } from '../go/go-quote.ts'
import { tryNormaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import { hasFeature } from '../k3s-features.ts'
import type { LintContext } from '../lint/context.ts'
import type { Rule, Discovery } from '../lint/rule.ts'
import { readTomlText, readTomlKey } from '../lint/toml-text.ts'
import { authFields, hasAnySettings } from '../registries.ts'
import { shown } from '../shown-text.ts'

const noStart = 'which makes the config.toml no TOML: containerd does not start, and neither does the node'
const bypassed = 'which makes the hosts.toml no TOML: containerd passes over it'

/** The first character of a text that Go's %q writes in a way that TOML does not know. */
function strangeCharacter(text: string): string | undefined {
  return Array.from(text).find((c) => readTomlText(goQuote(c)) !== c)
}

function* inCredentials({ auths, parsed, version }: LintContext): Iterable<Discovery> {
  const quote = hasFeature(version, 'config-version-3') ? "'" : '"'
  for (const { key } of auths) {
    const read = readTomlKey(quote + key + quote)
    if (read === key) continue
    const effect = read === undefined ? `, ${noStart}` : `, where it reads ${shown(read)}`
    yield {
      position: parsed.positionOf(['configs', key]),
      message: `K3s writes the key ${shown(key)} between ${quote} into the config.toml${effect}`,
      fix: 'Write host[:port] alone, as it stands in the endpoint.',
    }
  }
  for (const { key, auth, positionOf } of auths) {
    for (const [field, value] of authFields(auth)) {
      const character = strangeCharacter(value)
      if (character === undefined) continue
      const message = `the ${field} of ${shown(key)} has the character ${escaped(character)} in it, ${noStart}`
      yield { position: positionOf(field), message, fix: 'Write it without control characters.' }
    }
  }
}

function* inHosts({ keys, endpoints, parsed, flags }: LintContext): Iterable<Discovery> {
  const urls = [
    ...keys
      .filter(({ section, key }) => section === 'mirrors' || hasAnySettings(parsed.registries.configs.get(key)))
      .map(({ key, position }) => ({ text: key, position, url: tryNormaliseEndpoint(key, flags.embeddedRegistry)?.url })),
    ...endpoints.map(({ text, position, endpoint }) => ({ text, position, url: endpoint?.url })),
  ]
  for (const { text, position, url } of urls) {
    if (url === undefined || readTomlText(`"${url}"`) === url) continue
    const message = `K3s writes ${shown(text)} into the hosts.toml without escaping it, ${bypassed}`
    yield { position, message, fix: 'Write the address without quotes and backslashes.' }
  }
}

/** Characters that break the files which K3s writes. */
export const tomlEscapes: Rule = {
  title: 'Characters that break the files K3s writes',
  about: `K3s writes its TOML files by a template. A \`'\` in a key of \`configs\` that has \`auth\` ends the quotes of config.toml early
(before containerd 2 a \`"\` does); control characters in credentials and file names are written as \`\\a\`, \`\\v\` or \`\\x1b\`, which
TOML does not know; quotes and backslashes in an endpoint are written as they are. Without a valid config.toml containerd does not start;
a hosts.toml that is no TOML is passed over.`,
  file: ({ path }) =>
    strangeCharacter(path) === undefined
      ? undefined
      : { message: `the file name ${quoted(path)} has a control character in it, ${bypassed}`, fix: 'Give the file another name.' },
  check: (context) => [...inCredentials(context), ...inHosts(context)],
}
