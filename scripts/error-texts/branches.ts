import type { Node } from 'oxc-parser'
import type { Frame } from './frame.ts'

const mostRuns = 400
const mostNestedRuns = 16

/** The branches that are chosen where a value is known only at run time: one that was chosen holds for all of one evaluation. */
export class Branches {
  #chosen = new Map<Node, Map<Frame | undefined, number>>()
  #script: { index: number; of: number }[] = []
  #position = 0
  #depth = 0

  /** Which of `of` branches is followed at a node. */
  choose(node: Node, frame: Frame | undefined, of: number): number {
    const known = this.#chosen.get(node)?.get(frame)
    if (known !== undefined) return known
    const step = this.#script[this.#position] ?? { index: 0, of }
    this.#script[this.#position++] = step
    const byFrame = this.#chosen.get(node) ?? new Map<Frame | undefined, number>()
    this.#chosen.set(node, byFrame.set(frame, step.index))
    return step.index
  }

  /** What `evaluate` gives for every combination of branches; of too many, the first ones. */
  alternatives<T>(evaluate: () => T): readonly T[] {
    const [chosen, script, position] = [this.#chosen, this.#script, this.#position]
    const found: T[] = []
    const most = this.#depth++ === 0 ? mostRuns : mostNestedRuns
    this.#script = []
    for (let run = 0; run < most; run++) {
      this.#chosen = new Map([...chosen].map(([node, byFrame]) => [node, new Map(byFrame)]))
      this.#position = 0
      found.push(evaluate())
      while (this.#script.at(-1)?.index === (this.#script.at(-1)?.of ?? 0) - 1) this.#script.pop()
      const last = this.#script.at(-1)
      if (last === undefined) break
      last.index++
    }
    this.#depth--
    ;[this.#chosen, this.#script, this.#position] = [chosen, script, position]
    return found
  }
}
