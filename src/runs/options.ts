import type { PlaceOptions } from '../connect/destination.ts'
import type { SelectionOptions } from '../release/select-images.ts'

/** Which images, how they are named at the destination, and where both ends are; a selection needs at least one release, list or reference. */
export interface PlanOptions extends Omit<SelectionOptions, 'signal' | 'retry'>, PlaceOptions {
  /** `os/arch[/variant]`; default: every platform, the index byte for byte. */
  readonly platforms?: readonly string[] | undefined
  /** With `platforms`: keep the original index and leave the other children out. */
  readonly sparse?: boolean | undefined
  /** `regex=replacement` in Go's syntax, for repositories at the destination; the first that matches counts. */
  readonly rewrite?: readonly string[] | undefined
  /** Keep only the last part of a repository's path. */
  readonly flatten?: boolean | undefined
  /** Copy foreign layers too. */
  readonly foreignLayers?: boolean | undefined
  /** Registry HTTP (the default), or a Docker Engine that pulls, tags and pushes. */
  readonly via?: 'registry' | 'docker' | undefined
  /** Where the Engine is, as in DOCKER_HOST; default: where Docker's own command line finds it. */
  readonly dockerHost?: string | undefined
  /** Leave in the Engine what was pulled. */
  readonly keep?: boolean | undefined
  /** Images at once; default 16, and 2 through an Engine. */
  readonly jobs?: number | undefined
  /** Walk images whose root is there already. */
  readonly recheck?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}
