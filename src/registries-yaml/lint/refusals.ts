import type { ReadProblem } from '../read/decode-yaml.ts'
import { shownPath } from '../shown-text.ts'
import type { LintContext } from './rule.ts'
import { oncePerPlace } from './written-places.ts'

/** Why K3s does not start with the file, for reasons of one kind; each with a sentence that names the key. */
export function refusals({ parsed }: LintContext, kind: ReadProblem['kind']): readonly (ReadProblem & { readonly message: string })[] {
  return oncePerPlace(parsed.problems.filter((problem) => problem.kind === kind)).map((problem) => {
    const where = problem.path.length === 0 ? '' : `${shownPath(problem.path)} is `
    return { ...problem, message: `${where}${problem.why}; K3s does not start with this file` }
  })
}
