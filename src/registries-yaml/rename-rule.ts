import { MirrorError } from '../errors.ts'
import { parseGoRegexp } from './go/go-regexp.ts'

/** Reads `regex=replacement`, a rewrite as registries.yaml has them; the rule gives a path's new name, undefined where it does not match. */
export function parseRenameRule(text: string): (path: string) => string | undefined {
  const at = text.lastIndexOf('=')
  if (at < 1) {
    throw new MirrorError('USAGE', `"${text.slice(0, 200)}" is not a rewrite`, {
      hint: "Write options.rewrite '^rancher/(.*)=k3s/$1', Go syntax as in registries.yaml.",
    })
  }
  const pattern = parseGoRegexp(text.slice(0, at))
  const template = text.slice(at + 1)
  return (path) => (pattern.matches(path) ? pattern.replaceAll(path, template) : undefined)
}
