import type { Path, ReadProblem } from '../read/decode-yaml.ts'
import { shownPath } from '../shown-text.ts'
import type { LintContext } from './context.ts'
import type { Discovery } from './rule.ts'

/** Why K3s does not start with the file, for reasons of one kind; each with a sentence that names the key. */
export function refusals({ parsed }: LintContext, kind: ReadProblem['kind'], fixOf: (path: Path) => string): readonly Discovery[] {
  return parsed.problems
    .filter((problem) => problem.kind === kind)
    .map(({ path, position, why }) => {
      const where = path.length === 0 ? '' : `${shownPath(path)} is `
      return { position, message: `${where}${why}; K3s does not start with this file`, fix: fixOf(path) }
    })
}
