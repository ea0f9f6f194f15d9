/** What a token allows, `type:name:action,action`: https://distribution.github.io/distribution/spec/auth/scope/ */
export type Scope = string

/** Reading a repository. */
export function pullScope(path: string): Scope {
  return `repository:${path}:pull`
}

/** Reading and writing a repository. */
export function pushScope(path: string): Scope {
  return `repository:${path}:pull,push`
}

const usualActions = ['pull', 'push', 'delete']
const grammar = /^[^:\s]+:\S+:[^:\s]*$/

function compareActions(a: string, b: string): number {
  const [x, y] = [usualActions.indexOf(a), usualActions.indexOf(b)]
  if (x !== -1 || y !== -1) return (x === -1 ? usualActions.length : x) - (y === -1 ? usualActions.length : y)
  return a < b ? -1 : 1
}

/** The same scopes, each repository once with all its actions, those that write first: some token servers honour only the first. */
export function normaliseScopes(scopes: readonly Scope[]): readonly Scope[] {
  const actionsByName = new Map<string, Set<string>>()
  for (const scope of scopes) {
    const colon = grammar.test(scope) ? scope.lastIndexOf(':') : scope.length
    const name = scope.slice(0, colon)
    const actions = actionsByName.get(name) ?? new Set()
    for (const action of scope.slice(colon + 1).split(',')) if (action !== '') actions.add(action)
    actionsByName.set(name, actions)
  }
  const merged = [...actionsByName].map(([name, actions]) => ({ name, actions: [...actions].toSorted(compareActions) }))
  const writesFirst = [
    ...merged.filter(({ actions }) => actions.includes('push')),
    ...merged.filter(({ actions }) => !actions.includes('push')),
  ]
  return writesFirst.map(({ name, actions }) => (actions.length === 0 ? name : `${name}:${actions.join(',')}`))
}

/** The scopes of a challenge, separated by spaces; what is unprintable, over 512 characters long, or beyond the eighth is left out. */
export function parseScopes(text: string | undefined): readonly Scope[] {
  return (text ?? '')
    .split(/\s+/)
    .filter((scope) => /^[\x21-\x7e]{1,512}$/.test(scope))
    .slice(0, 8)
}
