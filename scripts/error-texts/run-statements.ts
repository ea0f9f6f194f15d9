import type { Node } from 'oxc-parser'
import { nothing, type Value } from './values.ts'

/** What is asked about the parts of a statement, in one call of its function. */
export interface Runner {
  hasReturn(statement: Node): boolean
  evaluate(node: Node): Value
  /** Whether a condition holds; undefined where that is known only at run time. */
  truth(node: Node): boolean | undefined
  choose(node: Node, of: number): number
}

/** What a list of statements returns; undefined where it ends without a return. */
export function runStatements(statements: readonly Node[], runner: Runner): Value | undefined {
  for (const statement of statements) {
    const value = runner.hasReturn(statement) ? run(statement, runner) : undefined
    if (value !== undefined) return value
  }
  return undefined
}

function run(node: Node, runner: Runner): Value | undefined {
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- All others return nothing.
  switch (node.type) {
    case 'ReturnStatement':
      return node.argument === null ? nothing : runner.evaluate(node.argument)
    case 'BlockStatement':
      return runStatements(node.body, runner)
    case 'IfStatement': {
      const test = runner.truth(node.test) ?? runner.choose(node, 2) === 0
      const branch = test ? node.consequent : node.alternate
      return branch === null ? undefined : runStatements([branch], runner)
    }
    case 'SwitchStatement': {
      const from = node.cases.slice(runner.choose(node, node.cases.length))
      return runStatements(
        from.flatMap(({ consequent }) => consequent),
        runner,
      )
    }
    case 'ForOfStatement':
    case 'ForStatement':
      return runner.choose(node, 2) === 0 ? undefined : runStatements([node.body], runner)
    case 'TryStatement': {
      const block = node.handler === null || runner.choose(node, 2) === 0 ? node.block : node.handler.body
      return runStatements(block.body, runner)
    }
    default:
      return undefined
  }
}
