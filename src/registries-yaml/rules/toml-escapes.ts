import { quoted, escaped } from '../../text/printable.ts'
import { goQuote } from '../go/go-quote.ts'
import { embeddedAddressOf } from '../hosts/k3s-flags.ts'
import { tryNormaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import { hasFeature } from '../k3s-features.ts'
import type { LintContext } from '../lint/context.ts'
import type { Rule, Discovery } from '../lint/rule.ts'
import { readTomlText, readTomlKey } from '../lint/toml-text.ts'
import { authFields, hasAnySettings } from '../registries.ts'
import { shown } from '../shown-text.ts'

const noStart = 'which makes the config.toml invalid: containerd and the node do not start'
const bypassed = 'which makes the hosts.toml invalid: containerd ignores it'

/** The first character of a text that Go's %q escapes in a way that is invalid in TOML. */
function strangeCharacter(text: string): string | undefined {
  return Array.from(text).find((c) => readTomlText(goQuote(c)) !== c)
}

function* inCredentials({ auths, parsed, version }: LintContext): Iterable<Discovery> {
  const quote = hasFeature(version, 'config-version-3') ? "'" : '"'
  for (const { key } of auths) {
    const read = readTomlKey(quote + key + quote)
    if (read === key) continue
    const effect = read === undefined ? `, ${noStart}` : `, where containerd reads ${shown(read)}`
    yield {
      position: parsed.positionOf(['configs', key]),
      message: `K3s writes the key ${shown(key)} between ${quote} into the config.toml${effect}`,
      fix: 'write host[:port] as in the endpoint',
    }
  }
  for (const { key, auth, positionOf } of auths) {
    for (const [field, value] of authFields(auth)) {
      const character = strangeCharacter(value)
      if (character === undefined) continue
      const message = `the ${field} of ${shown(key)} contains the character ${escaped(character)}, ${noStart}`
      yield { position: positionOf(field), message, fix: 'write it without control characters' }
    }
  }
}

function* inHosts({ keys, endpoints, parsed, flags }: LintContext): Iterable<Discovery> {
  const urls = [
    ...keys
      .filter(({ section, key }) => section === 'mirrors' || hasAnySettings(parsed.registries.configs.get(key)))
      .map(({ key, position }) => ({ text: key, position, url: tryNormaliseEndpoint(key, embeddedAddressOf(flags))?.url })),
    ...endpoints.map(({ text, position, endpoint }) => ({ text, position, url: endpoint?.url })),
  ]
  for (const { text, position, url } of urls) {
    if (url === undefined || readTomlText(`"${url}"`) === url) continue
    const message = `K3s writes ${shown(text)} into the hosts.toml without escaping it, ${bypassed}`
    yield { position, message, fix: 'write the address without quotes and backslashes' }
  }
}

/** Characters that make the files of K3s invalid. */
export const tomlEscapes: Rule = {
  title: 'Characters that make the files of K3s invalid',
  about: `K3s writes its TOML files from a template. A \`'\` in a key of \`configs\` with \`auth\` closes the quotes of config.toml early (before containerd 2, a
\`"\` does). K3s writes control characters in credentials and file names as \`\\a\`, \`\\v\` or \`\\x1b\`, which are invalid in TOML. It does not escape quotes and
backslashes in an endpoint. containerd does not start with an invalid config.toml, and ignores an invalid hosts.toml.`,
  file: ({ path }) =>
    strangeCharacter(path) === undefined
      ? undefined
      : { message: `the path ${quoted(path)} contains a control character, ${bypassed}`, fix: 'rename the file' },
  check: (context) => [...inCredentials(context), ...inHosts(context)],
}
