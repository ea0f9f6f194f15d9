import { refusals } from '../lint/refusals.ts'
import type { Rule } from '../lint/rule.ts'

const examples: Readonly<Record<string, string>> = {
  mirrors: 'write a line such as "docker.io:" for each registry, indented under "mirrors:"',
  configs: 'write a line such as "registry.example.com:" for each host, indented under "configs:"',
  endpoint: 'write a line such as - "https://registry.example.com" for each endpoint, with quotes around the URL',
  rewrite: 'write a line such as "^rancher/(.*)": "mirror/$1" for each pattern, indented under "rewrite:"',
  auth: 'write "username:" and "password:", indented under "auth:"',
  tls: 'write "ca_file:", "cert_file:" and "key_file:", indented under "tls:"',
  insecure_skip_verify: 'write true or false, without quotes',
}

/** A value of the wrong type. */
export const wrongType: Rule = {
  title: 'A value has the wrong type',
  about: `Every key has one type, and K3s does not start with another one: a single value instead of a mapping, or a list instead of a string. A list of mappings
instead of endpoints is the usual case: \`- https://host: 5000\` contains an extra space.`,
  check: (context) =>
    refusals(context, 'type', (path) => {
      if (path.length === 0) return 'start the file with "mirrors:" or "configs:", and indent the entries under them'
      const key = path.findLast((name) => typeof name === 'string' && Object.hasOwn(examples, name))
      return examples[String(key)] ?? 'write a single value, in quotes if it has several words'
    }),
}
