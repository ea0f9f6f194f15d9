import { refusals } from '../lint/refusals.ts'
import type { Rule } from '../lint/rule.ts'

// how each of these is written
const examples: Readonly<Record<string, string>> = {
  mirrors: 'Below "mirrors:" stands a line "docker.io:" for each registry, indented.',
  configs: 'Below "configs:" stands a line "registry.example.com:" for each host, indented.',
  endpoint: 'Below "endpoint:" stands a line such as - "https://registry.example.com" for each endpoint; quotes keep it one string.',
  rewrite: 'Below "rewrite:" stands a line such as "^rancher/(.*)": "mirror/$1" for each pattern.',
  auth: 'Below "auth:" stand "username:" and "password:", indented.',
  tls: 'Below "tls:" stand "ca_file:", "cert_file:" and "key_file:", indented.',
  insecure_skip_verify: 'Write true or false, without quotes.',
}

/** A value of another type than K3s reads there. */
export const wrongType: Rule = {
  title: 'A value has the wrong type',
  about: `K3s reads every key as one type, and does not start where the file has another: a plain value where a mapping belongs, a list where a string
belongs. Endpoints that are a list of mappings are one of these: \`- https://host: 5000\` has a space too many.`,
  check: (context) =>
    refusals(context, 'type', (path) => {
      if (path.length === 0) return 'Begin the file with "mirrors:" or "configs:", each with its entries below, indented.'
      const key = path.findLast((name) => typeof name === 'string' && Object.hasOwn(examples, name))
      return examples[String(key)] ?? 'Write a plain value here, in quotes if it is more than a word.'
    }),
}
