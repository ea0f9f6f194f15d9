export { errorCodes, isMirrorError, MirrorError, type ErrorCode, type MirrorErrorOptions, type Side } from './errors.ts'
export { mirror, type MirrorOptions } from './runs/mirror.ts'
export type { MirrorRun } from './runs/start-run.ts'
export { planImages } from './runs/plan-images.ts'
export type { PlanOptions } from './runs/options.ts'
export { listImages, type ListOptions } from './runs/list-images.ts'
export type { EngineSummary, ErrorSummary, ImageNames, MirrorEvent, RequestCounts, StoredFacts } from './copy/events.ts'
export { formatReference, parseReference, type Reference, type Repository } from './oci/reference.ts'
export type { Digest } from './oci/digest.ts'
export type { ImageList, ListCoverage, SelectedList } from './release/image-list.ts'
export type { ImageBytes, ImageReport, ImageStatus, ListReport, MirrorReport, ReportTotals } from './report/report.ts'
export type { PlanFailure, PlannedImage, PlanReport, PlanTotals, RateLimit } from './report/plan-report.ts'
export type { GivenName } from './layout/entry-name.ts'
export type { SkippedEntry } from './layout/name-entries.ts'
export { openLayout, readLayout, type OpenLayoutOptions, type ReadLayoutOptions } from './layout/open-layout.ts'
export type { Layout, LayoutReader } from './layout/layout.ts'
export {
  createRegistryServer,
  type AccessRecord,
  type RegistryServer,
  type RegistryServerOptions,
  type ServerTls,
} from './registry-server/registry-server.ts'
export type { Login } from './registry-server/authenticator.ts'
export type { PageSources } from './registry-server/own-paths.ts'
export { createBundle, type CreateBundleOptions } from './runs/create-bundle.ts'
export { pushBundle, type PushBundleOptions } from './runs/push-bundle.ts'
export { loadBundle, type LoadBundleOptions } from './runs/load-bundle.ts'
export { checkBundle, type ArchiveCheck, type ArchiveProblem } from './bundle/check-archive.ts'
export { describeBundle, type ArchiveInfo, type DescribedImage, type InspectOptions } from './bundle/describe-archive.ts'
export type { ArchiveFormat } from './bundle/image-archive.ts'
export type { BundledList } from './bundle/bundle-record.ts'
export { ServedBundle } from './bundle/served-bundle.ts'
export { verify, type VerifyEvents, type VerifyOptions } from './runs/verify.ts'
export type { VerifiedEndpoint, VerifiedImage, VerifyReport, VerifyTotals } from './report/verify-report.ts'
export { parseRegistries, type ParsedRegistries } from './registries-yaml/read/parse-registries.ts'
export { readRegistries } from './registries-yaml/read/read-registries.ts'
export type { Mirror, Position, Registries, RegistryAuth, RegistryConfig, RegistryTls } from './registries-yaml/registries.ts'
export type { K3sFlags } from './registries-yaml/hosts/host-table.ts'
export { lintRegistries, type LintOptions } from './registries-yaml/lint/lint.ts'
export type { Finding } from './registries-yaml/lint/rule.ts'
export {
  createResolver,
  type ResolvedEndpoint,
  type ResolvedReference,
  type Resolver,
} from './registries-yaml/resolve/resolve-reference.ts'
export { renderK3s, type K3sRenderOptions } from './registries-yaml/render/k3s.ts'
export { renderContainerd, type ContainerdRenderOptions } from './registries-yaml/render/containerd.ts'
export { renderLegacy } from './registries-yaml/render/legacy.ts'
export type { RenderedConfig, RenderOptions } from './registries-yaml/render/rendered.ts'
export { generateRegistries, type GeneratedRegistries, type GenerateOptions } from './registries-yaml/generate/generate-registries.ts'
export { parseVersion, type K3sVersion } from './release/version.ts'
export { version } from './version.ts'
