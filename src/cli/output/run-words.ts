import type { RunCommand } from '../../copy/events.ts'
import type { FileReport } from '../../report/report.ts'
import { formatCount } from './format-amount.ts'

/** The words for what a command does with an image. */
export interface RunWords {
  /** An image that was transferred, at least in part. */
  readonly done: string
  /** An image that needed nothing. */
  readonly unchanged: string
}

const words: Readonly<Record<RunCommand, RunWords>> = {
  mirror: { done: 'copied', unchanged: 'up to date' },
  'kit create': { done: 'added', unchanged: 'in the base kit' },
  'bundle create': { done: 'added', unchanged: 'in the base bundle' },
  'kit push': { done: 'pushed', unchanged: 'up to date' },
  'bundle push': { done: 'pushed', unchanged: 'up to date' },
  'bundle load': { done: 'loaded', unchanged: 'already loaded' },
}

/** The words for a command; those of `mirror` before the command is known. */
export function wordsFor(command: RunCommand = 'mirror'): RunWords {
  return words[command]
}

/** How content that another image of the run, or another repository, already brought is called at this destination. */
export function describeShared({ command, destination }: { readonly command: RunCommand; readonly destination: string }): string {
  return archiveOf(command) !== undefined || destination.startsWith('oci:') ? 'shared between images' : 'mounted from other repositories'
}

/** `all 8 images are up to date`. */
export function formatAllUnchanged(images: number, { unchanged }: RunWords): string {
  return images === 1 ? `1 image is ${unchanged}` : `all ${formatCount(images, 'image')} are ${unchanged}`
}

/** What a command writes, where that is an archive. */
export function archiveOf(command: RunCommand): 'bundle' | 'kit' | undefined {
  if (command === 'kit create') return 'kit'
  return command === 'bundle create' ? 'bundle' : undefined
}

/** The words for how a file of a kit ended. */
export const fileWords: Readonly<Record<FileReport['status'], string>> = {
  added: 'added',
  reused: 'from an earlier attempt',
  'in-base': 'in the base kit',
  failed: 'failed',
}
