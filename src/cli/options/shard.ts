import { InvalidArgumentError } from 'commander'
import { mostShards, type Shard } from '../../plan/shard.ts'
import { option, type OptionGroup, inGroup } from './option.ts'

const form = 'expected i/n with i from 1 to n, or auto/n, as in 2/4'

/** The number of a variable that CI or Kubernetes sets; undefined where it is not set. */
function readIndex(variable: string, first: number, count: number): number | undefined {
  const text = process.env[variable] ?? ''
  if (text === '') return undefined
  const index = /^[0-9]{1,9}$/.test(text) ? Number(text) - first + 1 : 0
  if (index >= 1 && index <= count) return index
  const last = first + count - 1
  throw new InvalidArgumentError(`${variable} is ${JSON.stringify(text.slice(0, 40))}, expected ${first} to ${last} for ${count} shards`)
}

/** The index that this machine has: https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode counts from 0, https://docs.gitlab.com/ci/variables/predefined_variables/ from 1. */
function ownIndex(count: number): number {
  const ofJob = readIndex('JOB_COMPLETION_INDEX', 0, count)
  if (ofJob !== undefined) return ofJob
  const ofNode = readIndex('CI_NODE_INDEX', 1, count)
  if (ofNode === undefined) {
    throw new InvalidArgumentError(
      'auto needs JOB_COMPLETION_INDEX (an indexed Job of Kubernetes) or CI_NODE_INDEX (parallel in GitLab CI)',
    )
  }
  const total = process.env['CI_NODE_TOTAL'] ?? ''
  if (total === '' || total === String(count)) return ofNode
  throw new InvalidArgumentError(`CI_NODE_TOTAL is ${JSON.stringify(total.slice(0, 40))}: both numbers of shards must match`)
}

/** Reads `2/4` and `auto/4`. */
export function parseShard(text: string): Shard {
  const [, given = '', total = ''] = /^(auto|[0-9]{1,9})\/([0-9]{1,9})$/.exec(text) ?? []
  const count = Number(total)
  if (total === '') throw new InvalidArgumentError(form)
  if (count < 1 || count > mostShards) throw new InvalidArgumentError(`expected 1 to ${mostShards} shards`)
  const index = given === 'auto' ? ownIndex(count) : Number(given)
  if (index < 1 || index > count) throw new InvalidArgumentError(form)
  return { index, count }
}

/** `--shard`. */
export const shard: OptionGroup = inGroup('Selection', [
  option('--shard <i/n>', 'part i of n, by repository (auto/n: from CI)', parseShard),
])
