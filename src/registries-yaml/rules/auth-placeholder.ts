import type { WrittenAuth } from '../lint/context.ts'
import type { Discovery, Rule } from '../lint/rule.ts'
import { decodeAuth } from '../resolve/resolve-credentials.ts'
import { shown } from '../shown-text.ts'

/** Text of templates and documentation: `xxxxxx`, `***`, `...`, `<password>`, `${PASSWORD}`, `$PASSWORD`, `$(PASSWORD)`, `{{ .password }}`, `%PASSWORD%`, `__PASSWORD__`, `[password]`. */
const template =
  /^(?:x{3,}|X{3,}|\*{3,}|\.{3,}|…|-{3,}|_{3,}|<[A-Za-z][\w .-]*>|\$\{[^{}]+\}|\$[A-Z_][A-Z0-9_]*|\$\([\w ]+\)|\{\{.+\}\}|%[A-Za-z_]+%|__[A-Za-z_]+__|\[[A-Za-z _-]+\])$/

/** The words that the documentation and our own files use. */
const capitals: ReadonlySet<string> = new Set([
  'PASSWORD',
  'USERNAME',
  'TOKEN',
  'SECRET',
  'REDACTED',
  'TODO',
  'FIXME',
  'CHANGEME',
  'CHANGE_ME',
])

/** Words that are usually placeholders, and sometimes a bad password. */
const word =
  /^(?:password|passw0rd|passwd|changeme|change[-_ ]?(?:me|it|this)|replace[-_ ]?(?:me|this)|placeholder|redacted|todo|fixme|(?:your|my|the|some)[-_ ]?(?:password|passwd|pass|token|secret|user(?:name)?)(?:[-_ ]?here)?|(?:password|token|secret|user(?:name)?)[-_ ]?here)$/i

type Certainty = 'sure' | 'likely' | undefined

function certainty(value: string): Certainty {
  const text = value.trim()
  if (text.length > 200) return undefined
  if (capitals.has(text) || template.test(text)) return 'sure'
  return word.test(text) ? 'likely' : undefined
}

/** The fields that containerd sends, with their values. */
function sentFields({ auth: { username, password, identityToken, auth } }: WrittenAuth): Readonly<Record<string, string>> {
  if (username !== '') return { username, password }
  if (identityToken !== '') return { identity_token: identityToken }
  const decoded = decodeAuth(auth)
  // The rule auth-invalid reports any other text.
  return decoded === undefined ? {} : { auth: certainty(decoded.password) === undefined ? decoded.username : decoded.password }
}

function judge(written: WrittenAuth): Discovery | undefined {
  const found = Object.entries(sentFields(written)).flatMap(([field, value]) => {
    const sure = certainty(value)
    return sure === undefined ? [] : [{ field, sure }]
  })
  const [first] = found
  if (first === undefined) return undefined
  const names = found.map(({ field }) => field).join(' and ')
  const isSure = found.some(({ sure }) => sure === 'sure')
  const [verb, what] = found.length > 1 ? ['are', 'placeholders'] : ['is', 'a placeholder']
  const likely = found.length > 1 ? 'look like' : 'looks like'
  return {
    position: written.positionOf(first.field),
    severity: isSure ? 'error' : 'warning',
    message: `the ${names} of ${shown(written.key)} ${isSure ? verb : likely} ${what}: nodes get 401${isSure ? '' : ' unless it is real'}`,
    fix: 'write the credentials of an account that can pull',
  }
}

/** A placeholder in place of credentials. */
export const authPlaceholder: Rule = {
  title: 'A placeholder in place of credentials',
  about: `The documentation of K3s uses \`xxxxxx\`, and \`registries generate\` writes \`PASSWORD\` for a user without a password. Unfinished templates contain
\`<password>\`, \`\${PASSWORD}\` or \`{{ .password }}\`, which K3s does not expand. The registry answers 401. A word that could be a real password, such as
\`changeme\`, is a warning.`,
  auth: judge,
}
