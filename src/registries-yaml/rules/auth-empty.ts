import type { Discovery, LintContext, Rule } from '../lint/rule.ts'
import { oncePerPlace } from '../lint/written-places.ts'
import { shown } from '../shown-text.ts'

/** True where something is written below `auth` that K3s does not know, which is told of by itself. */
function hasUnknownKeys({ parsed }: LintContext, key: string): boolean {
  return parsed.remarks.some(({ kind, path }) => kind === 'unknown-key' && path[0] === 'configs' && path[1] === key && path[2] === 'auth')
}

/** An `auth` with nothing in it. */
export const authEmpty: Rule = {
  id: 'auth-empty',
  severity: 'warning',
  title: '`auth` with nothing in it',
  about: `An \`auth\` whose fields are all empty is no credentials: the registry is asked anonymously. Often a template that was filled in
with an empty variable.`,
  *check(context) {
    const { parsed } = context
    if (parsed.problems.length > 0) return
    const discoveries: Discovery[] = []
    for (const [key, { auth }] of parsed.registries.configs) {
      if (auth === undefined || Object.values(auth).some((value) => value !== '') || hasUnknownKeys(context, key)) continue
      discoveries.push({
        position: parsed.positionOf(['configs', key, 'auth']),
        message: `the auth of ${shown(key)} is empty: the registry is asked without credentials`,
        fix: 'Write username and password, or remove auth.',
      })
    }
    yield* oncePerPlace(discoveries)
  },
}
