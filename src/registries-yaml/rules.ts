import type { Rule } from './rule.ts'
import { duplicateKey } from './rules/duplicate-key.ts'

/** Every rule, in the order of the documentation. */
export const rules: readonly Rule[] = [duplicateKey]
