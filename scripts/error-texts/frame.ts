import type { CallExpression, NewExpression } from 'oxc-parser'
import type { FunctionNode } from './source-tree.ts'

/** A call of a function or a constructor. */
export type Call = CallExpression | NewExpression

/** A call that is being evaluated, and the one that it is evaluated in. */
export interface Frame {
  readonly of: FunctionNode
  readonly call: Call
  readonly caller: Frame | undefined
}

/** The innermost frame of a function. */
export function frameOf(of: FunctionNode, frame: Frame | undefined): Frame | undefined {
  return frame === undefined || frame.of === of ? frame : frameOf(of, frame.caller)
}

/** The calls that give functions around the evaluated place their parameters. */
export type Bindings = ReadonlyMap<FunctionNode, Call>
