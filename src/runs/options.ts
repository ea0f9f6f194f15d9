import type { EndOptions } from '../connect/destination.ts'
import type { EngineOptions } from '../connect/engine.ts'
import { MirrorError } from '../errors.ts'
import type { Reference } from '../oci/reference.ts'
import { nameDestination, type NamingOptions } from '../plan/destination-names.ts'
import type { IfChanged } from '../plan/resolve-image.ts'
import type { Shard } from '../plan/shard.ts'
import type { ImageSelection } from '../release/select-images.ts'

/** What of each image is wanted. */
export interface ContentOptions {
  /** `os/arch[/variant]`; default: every platform, the index byte for byte. */
  readonly platforms?: readonly string[] | undefined
  /** Foreign layers too. */
  readonly foreignLayers?: boolean | undefined
}

/** How repositories are renamed at the destination. */
export interface RenameOptions {
  /** `regex=replacement` in Go's syntax; the first that matches counts. */
  readonly rewrite?: readonly string[] | undefined
  /** Keep only the last part of a repository's path. */
  readonly flatten?: boolean | undefined
}

/** Which images of archives. */
export interface ArchiveOptions {
  /** Bundles, and what `docker save`, `ctr images export` and skopeo write; plain, compressed or split. */
  readonly files: readonly string[]
  /** `registry/repository[:tag]` for images of the archives that have only a tag; with a tag also for a single one that has no name. */
  readonly name?: string | undefined
  /** Globs on `registry/repository:tag`. */
  readonly include?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
}

/** What becomes of tags that name other content at the destination. */
export interface ChangeOptions {
  /** `replace` (the default), `fail` with TAG_MOVED, or `skip`; decided before any blob of the image moves. */
  readonly ifChanged?: IfChanged | undefined
}

/** What is found out for the report only. */
export interface DescribeOptions {
  /**
   * Read the platforms of images that the destination has: their manifest is read by GET in place of HEAD, the same number of requests. Registries may
   * count it as a pull. Default: these images have no platforms in the report.
   */
  readonly describePresent?: boolean | undefined
}

/** How a run goes over its images. */
export interface BatchOptions {
  /** Images at once; default 16, and 2 through a Docker Engine. */
  readonly jobs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Which images, how they are named at the destination, and where both ends are; a selection needs at least one release, list or reference. */
export interface PlanOptions
  extends ImageSelection, ContentOptions, RenameOptions, ChangeOptions, DescribeOptions, EndOptions, EngineOptions, BatchOptions {
  /** With `platforms`: keep the original index and leave the other children out. */
  readonly sparse?: boolean | undefined
  /** Only this part of the images; the lists, names and collisions are those of all. */
  readonly shard?: Shard | undefined
  /** Registry HTTP (the default), or a Docker Engine that pulls, tags and pushes. */
  readonly via?: 'registry' | 'docker' | undefined
  /** Walk images whose root is there already. */
  readonly recheck?: boolean | undefined
}

/** Options of `mirror`. */
export interface MirrorOptions extends PlanOptions {
  /** Leave in the Engine what was pulled. */
  readonly keep?: boolean | undefined
}

/** The choice of contents. Throws USAGE for `sparse` without platforms. */
export function contentOptions({
  platforms,
  sparse,
}: Pick<PlanOptions, 'platforms' | 'sparse'>): Pick<PlanOptions, 'platforms' | 'sparse'> {
  if (sparse === true && platforms === undefined) {
    throw new MirrorError('USAGE', 'options.sparse requires options.platforms', {
      hint: 'pass options.platforms too, or remove options.sparse',
    })
  }
  return { platforms, sparse }
}

/** Images at once where nothing else is asked for; an Engine moves three layers of an image at once by itself. */
export const defaultJobs = { registry: 16, docker: 2 } as const

/** The name of an image at a destination. */
export type NameAt = (source: Reference, at: Pick<NamingOptions, 'registry' | 'prefix'>) => Reference

/** Reads how images are named at a destination; Go's regular expressions are loaded where there is one. Throws USAGE and INVALID_REWRITE. */
export async function readNaming({ rewrite = [], flatten }: RenameOptions): Promise<NameAt> {
  const rules = rewrite.length === 0 ? [] : rewrite.map((await import('../registries-yaml/rename-rule.ts')).parseRenameRule)
  return (source, at) => nameDestination(source, { ...at, rules, flatten })
}
