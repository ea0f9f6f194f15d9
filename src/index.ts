import type { ArchiveCheck } from './bundle/check-archive.ts'
import type { ArchiveInfo, InspectOptions } from './bundle/describe-archive.ts'
import type { CallOptions } from './oci/image-source.ts'
import type { ImageList } from './release/image-list.ts'
import type { DiffReport } from './report/diff-report.ts'
import type { LockReport } from './report/lock-report.ts'
import type { NamedReport } from './report/merge-reports.ts'
import type { NodeReport } from './report/node-report.ts'
import type { ManyPlanReport, PlanReport } from './report/plan-report.ts'
import type { PruneReport } from './report/prune-report.ts'
import type { MirrorReport } from './report/report.ts'
import type { VerifyReport } from './report/verify-report.ts'
import type { CheckNodeOptions } from './runs/check-node.ts'
import type { CreateBundleOptions } from './runs/create-bundle.ts'
import type { CreateKitOptions } from './runs/create-kit.ts'
import type { DiffOptions } from './runs/diff-images.ts'
import type { ListOptions } from './runs/list-images.ts'
import type { LoadBundleOptions } from './runs/load-bundle.ts'
import type { LockOptions } from './runs/lock-images.ts'
import type { MirrorToManyOptions, MirrorToManyRun } from './runs/mirror-to-many.ts'
import type { MirrorOptions, PlanOptions } from './runs/options.ts'
import type { PlanToManyOptions } from './runs/plan-to-many.ts'
import type { PruneEvents, PruneOptions } from './runs/prune.ts'
import type { PushBundleOptions } from './runs/push-bundle.ts'
import type { PushKitOptions } from './runs/push-kit.ts'
import type { MirrorRun, Run } from './runs/start-run.ts'
import type { VerifyEvents, VerifyOptions } from './runs/verify.ts'

export {
  errorCodes,
  isMirrorError,
  MirrorError,
  type ErrorCode,
  type MirrorErrorChanges,
  type MirrorErrorOptions,
  type Side,
} from './errors.ts'
export { formatReference, parseReference, type Reference, type Repository } from './oci/reference.ts'
export { version } from './version.ts'
export type { RetryPolicy } from './async/retry.ts'
export type { ConnectionOptions, ReachOptions, RegistryOptions, TransferOptions } from './connect/clients.ts'
export type { DestinationOptions, EndOptions } from './connect/destination.ts'
export type { SourceOptions } from './connect/sources.ts'
export type {
  EngineSummary,
  ErrorSummary,
  FileCoverage,
  ImageNames,
  StartedImage,
  MirrorEvent,
  RequestCounts,
  RunCommand,
  StoredFacts,
} from './copy/events.ts'
export type { Digest } from './oci/digest.ts'
export type { Shard, ShardSummary } from './plan/shard.ts'
export type { StepState } from './plan/plan.ts'
export type { IfChanged } from './plan/resolve-image.ts'
export type { RegistryEvents } from './registry/transport.ts'
export type { ListCoverage, ListKind, SelectedList } from './release/image-list.ts'
export type { ByteStream } from './release/read-list-file.ts'
export type { ListFetchOptions, ListSources } from './release/fetch-file.ts'
export type { ImageFilterOptions } from './release/image-filter.ts'
export type { ImageSelection, SelectionOptions } from './release/select-images.ts'
export type {
  FileReport,
  ImageBytes,
  ImageReport,
  ImageStatus,
  ListReport,
  ManyReport,
  ReportTotals,
  ShardResult,
} from './report/report.ts'
export type { FailureReport, ReportHead, ReportTool } from './report/report-head.ts'
export type { EventLine, ReportDocument } from './report/report-document.ts'
export type { LockFailure } from './report/lock-report.ts'
export type { Lock, LockedContent, LockedFile, LockedImage, LockedList, LockedPlatform } from './lock/lock.ts'
export type { LockChanges } from './lock/compare-locks.ts'
export type { PlanFailure, PlannedImage, PlanTotals, RateLimit } from './report/plan-report.ts'
export type { PrunedRepository, PrunedTag, PruneTotals } from './report/prune-report.ts'
export type { TagStatus } from './prune/removal-outcome.ts'
export type { DiffedBlob, DiffedImage, DiffedName, DiffedSide, DiffState, DiffTotals } from './report/diff-report.ts'
export type { VerifiedEndpoint, VerifiedImage, VerifyTotals } from './report/verify-report.ts'
export type { ArchiveProblem } from './bundle/check-archive.ts'
export type { DescribedImage } from './bundle/describe-archive.ts'
export type { ArchiveFormat } from './bundle/image-archive.ts'
export type { BundledList, KitFile } from './bundle/bundle-record.ts'
export type { SkippedEntry } from './layout/name-entries.ts'
export type { EngineOptions } from './connect/engine.ts'
export type { NodeRules } from './connect/node.ts'
export type { ArchiveOptions, BatchOptions, ChangeOptions, ContentOptions, DescribeOptions, RenameOptions } from './runs/options.ts'
export type { CheckedFile, CheckedSettings, NodeTotals } from './report/node-report.ts'
export type { CertsState, CheckedHosts } from './node/check/check-certs.ts'
export type { CheckedImageFile } from './node/check/check-images.ts'
export type { CheckedProxy } from './node/check/check-node-proxies.ts'
export type { NodeFinding, NodeSeverity } from './node/check/finding.ts'
export type { ImportState } from './node/check/image-cache.ts'
export type { NodeSettings } from './node/node-settings.ts'
export type { K3sFlags, Product } from './registries-yaml/hosts/k3s-flags.ts'
export type { DescribedEndpoint } from './registries-yaml/resolve/describe-endpoint.ts'
export type { FixedFinding, LintChange, LintFinding, LintReport, LintTotals } from './registries-yaml/lint/lint-report.ts'
export type { Severity } from './registries-yaml/lint/rule.ts'
export type { Platform } from './oci/platform.ts'
export type { Build, K3sVersion, PreRelease, Stage } from './release/version.ts'
export type { DestinationEvent } from './runs/mirror-to-many.ts'
export type { Run } from './runs/start-run.ts'
export type { DiffSideOptions } from './runs/diff-side.ts'
export type { SearchOptions } from './runs/find-image.ts'
export type { EndpointStatus, VerdictStatus, ProblemCode } from './verify/image-verdict.ts'
export type {
  ArchiveCheck,
  ArchiveInfo,
  CallOptions,
  CheckNodeOptions,
  CreateBundleOptions,
  CreateKitOptions,
  DiffOptions,
  DiffReport,
  ImageList,
  InspectOptions,
  ListOptions,
  LoadBundleOptions,
  LockOptions,
  LockReport,
  ManyPlanReport,
  MirrorOptions,
  MirrorReport,
  MirrorRun,
  MirrorToManyOptions,
  MirrorToManyRun,
  NamedReport,
  NodeReport,
  PlanOptions,
  PlanReport,
  PruneEvents,
  PruneOptions,
  PruneReport,
  PlanToManyOptions,
  PushBundleOptions,
  PushKitOptions,
  VerifyEvents,
  VerifyOptions,
  VerifyReport,
}

/** A run whose code is loaded first. */
function loaded<E, R>(load: Promise<Run<E, R>>): Run<E, R> {
  const report = load.then((run) => run.report)
  // The reader of the events gets the failure; an unhandled rejection of the report must not end the process.
  report.catch(() => undefined)
  return {
    report,
    async *[Symbol.asyncIterator]() {
      yield* await load
    },
  }
}

/**
 * Mirrors images: list → plan → copy → report. The run begins at once; its events are read with `for await`, or not at all.
 * Failed images are in the report; what is thrown kept the whole run from starting.
 */
export function mirror(options: MirrorOptions): MirrorRun {
  return loaded(import('./runs/mirror.ts').then((runs) => runs.mirror(options)))
}

/**
 * Mirrors images to several destinations at once, each with its own result. The source is read once for all. A destination that is slow
 * or fails does not stop the others. What is thrown kept all of them from starting.
 */
export function mirrorToMany(options: MirrorToManyOptions): MirrorToManyRun {
  return loaded(import('./runs/mirror-to-many.ts').then((runs) => runs.mirrorToMany(options)))
}

/** Works out what `mirror` with the same options would do, and moves nothing. Manifests are read, which Docker Hub counts as pulls. */
export async function planImages(options: PlanOptions): Promise<PlanReport> {
  return (await import('./runs/plan-images.ts')).planImages(options)
}

/** Compares what two sides name or hold, and predicts what moving from `a` to `b` transfers. Nothing is changed. Manifests are read, which Docker Hub counts as pulls. */
export async function diffImages(options: DiffOptions): Promise<DiffReport> {
  return (await import('./runs/diff-images.ts')).diffImages(options)
}

/** Works out what `mirrorToMany` with the same options would do, and moves nothing. The source's manifests are read once for all destinations. */
export async function planToMany(options: PlanToManyOptions): Promise<ManyPlanReport> {
  return (await import('./runs/plan-to-many.ts')).planToMany(options)
}

/** Fetches the lists of a selection and merges them. Throws what the lists gave: USAGE, INVALID_LIST, CHECKSUM_MISMATCH and others. */
export async function listImages(options: ListOptions): Promise<ImageList> {
  return (await import('./runs/list-images.ts')).listImages(options)
}

/** Reads every image of a selection, and writes its digests to a lock file, for `locked` of later runs. Manifests are read, which Docker Hub counts as pulls. */
export async function lockImages(options: LockOptions): Promise<LockReport> {
  return (await import('./runs/lock-images.ts')).lockImages(options)
}

/** Looks for every image, with all that its platforms need, at a destination or at the endpoints of a node's registries.yaml. Nothing is changed. */
export async function verify(options: VerifyOptions, events?: VerifyEvents): Promise<VerifyReport> {
  return (await import('./runs/verify.ts')).verify(options, events)
}

/** Removes the tags that no kept image has, and the manifests that no kept tag reaches; a dry run unless `dryRun` is false. The selection names the images that stay. */
export async function prune(options: PruneOptions, events?: PruneEvents): Promise<PruneReport> {
  return (await import('./runs/prune.ts')).prune(options, events)
}

/** One report of all shards of a run, with the images in the order of the shards. Throws USAGE for reports that do not complete each other. */
export async function mergeReports(reports: readonly NamedReport[]): Promise<MirrorReport> {
  return (await import('./report/merge-reports.ts')).mergeReports(reports)
}

/** Writes the images of a selection into one new file, with the events and the report of `mirror`. The file appears once it is complete. */
export function createBundle(options: CreateBundleOptions): MirrorRun {
  return loaded(import('./runs/create-bundle.ts').then((runs) => runs.createBundle(options)))
}

/** Writes the images of K3s releases, with K3s itself, its installer and its checksums, into one new file that is a bundle too. The file appears once it is complete. */
export function createKit(options: CreateKitOptions): MirrorRun {
  return loaded(import('./runs/create-kit.ts').then((runs) => runs.createKit(options)))
}

/** Copies the images of archives to a registry or a layout, straight out of the files, with the events and the report of `mirror`. */
export function pushBundle(options: PushBundleOptions): MirrorRun {
  return loaded(import('./runs/push-bundle.ts').then((runs) => runs.pushBundle(options)))
}

/** Copies the images of kits to a registry or a layout as `pushBundle` does, and their files into a directory; each file is verified before it is in place. */
export function pushKit(options: PushKitOptions): MirrorRun {
  return loaded(import('./runs/push-kit.ts').then((runs) => runs.pushKit(options)))
}

/** Loads the images of archives into a Docker Engine, with the events and the report of `mirror`. */
export function loadBundle(options: LoadBundleOptions): MirrorRun {
  return loaded(import('./runs/load-bundle.ts').then((runs) => runs.loadBundle(options)))
}

/** Throws USAGE for arguments of the wrong type. */
async function checkFile(file: string, options: InspectOptions = {}): Promise<void> {
  const { checkOptions } = await import('./runs/check-options.ts')
  checkOptions(options)
  checkOptions({ file }, ['file'])
}

/** What is in a bundle, or in an archive of another tool: lists, images, platforms and sizes in bytes. */
export async function describeBundle(file: string, options?: InspectOptions): Promise<ArchiveInfo> {
  await checkFile(file, options)
  return (await import('./bundle/describe-archive.ts')).describeBundle(file, options)
}

/** Reads every byte of a bundle, or of an archive of another tool, again; of a split one also the checksums of its parts. Damage is a problem, not an error. */
export async function checkBundle(file: string, options?: InspectOptions): Promise<ArchiveCheck> {
  await checkFile(file, options)
  return (await import('./bundle/check-archive.ts')).checkBundle(file, options)
}

/** What is in a kit: files, lists, images, platforms and sizes in bytes. Throws USAGE for a bundle that is not a kit. */
export async function describeKit(file: string, options?: CallOptions): Promise<ArchiveInfo> {
  await checkFile(file, options)
  return (await import('./kit/check-kit.ts')).describeKit(file, options)
}

/** Reads every byte of a kit again: images and files by their digests, K3s' files by the checksum files of their release. Damage is a problem, not an error. */
export async function checkKit(file: string, options?: CallOptions): Promise<ArchiveCheck> {
  await checkFile(file, options)
  return (await import('./kit/check-kit.ts')).checkKit(file, options)
}

/** Reads every file of a node that decides where images come from: what differs from what K3s would write now, what needs a restart, and what is imported. Nothing is written. */
export async function checkNode(options?: CheckNodeOptions): Promise<NodeReport> {
  return (await import('./runs/check-node.ts')).checkNode(options)
}
