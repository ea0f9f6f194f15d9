import { MirrorError } from '../errors.ts'
import { parseGoRegexp } from './go/go-regexp.ts'

/** Parses `regex=replacement`, a rewrite in the syntax of registries.yaml. The rule returns a path's new name, undefined if it does not match. Throws USAGE and INVALID_REWRITE. */
export function parseRenameRule(text: string): (path: string) => string | undefined {
  const at = text.lastIndexOf('=')
  if (at < 1) {
    throw new MirrorError('USAGE', `invalid rewrite "${text.slice(0, 200)}": expected <regex>=<replacement>`, {
      hint: "pass options.rewrite '^rancher/(.*)=k3s/$1', with Go syntax as in registries.yaml",
    })
  }
  const pattern = parseGoRegexp(text.slice(0, at))
  const template = text.slice(at + 1)
  return (path) => (pattern.matches(path) ? pattern.replaceAll(path, template) : undefined)
}
