/** The most nested brackets or entries of a line: a stack overflow can end the process without an error to catch. */
const maxYamlDepth = 500

/** True for YAML with too many open brackets, or too many nested entries on one line. */
export function isTooDeep(text: string): boolean {
  let depth = 0
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth = bracket === '[' || bracket === '{' ? depth + 1 : Math.max(0, depth - 1)
    if (depth > maxYamlDepth) return true
  }
  return new RegExp(`^[ \\t]*(?:[-?:][ \\t]+){${maxYamlDepth}}`, 'm').test(text)
}
