import type { Edit } from '../fix/edit.ts'
import type { Path, ReadProblem } from '../read/decode-yaml.ts'
import { shownPath } from '../shown-text.ts'
import type { LintContext } from './context.ts'
import type { Discovery } from './rule.ts'

/** The problems of one kind, which keep K3s from starting; `fixOf` returns the fix for the value at a path, and `change` is what it does. */
export function refusals(
  { parsed }: LintContext,
  kind: ReadProblem['kind'],
  fixOf: (path: Path) => string,
  change?: Extract<Edit['kind'], 'unquote' | 'list'>,
): readonly Discovery[] {
  return parsed.problems
    .filter((problem) => problem.kind === kind)
    .map(({ path, position, why }) => {
      const name = path.length === 0 ? '' : shownPath(path)
      const subject = kind === 'syntax' ? (name === '' ? '' : `${name}: `) : `${name || 'the file'} `
      const message = `${subject}${why}; K3s does not start with this file`
      return { position, message, fix: fixOf(path), edit: change && { kind: change, path } }
    })
}
