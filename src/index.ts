export { errorCodes, isMirrorError, MirrorError, type ErrorCode, type MirrorErrorOptions, type Side } from './errors.ts'
export { mirror, type MirrorOptions } from './mirror.ts'
export type { MirrorRun } from './start-run.ts'
export { planImages } from './plan-images.ts'
export type { PlanOptions } from './plan-options.ts'
export { listImages, type ListOptions } from './list-images.ts'
export type { EngineSummary, ErrorSummary, ImageNames, MirrorEvent, RequestCounts, StoredFacts } from './copy/events.ts'
export { formatReference, parseReference, type Reference, type Repository } from './oci/reference.ts'
export type { Digest } from './oci/digest.ts'
export type { ImageList, ListCoverage, SelectedList } from './release/image-list.ts'
export type { ImageBytes, ImageReport, ImageStatus, ListReport, MirrorReport, ReportTotals } from './report/report.ts'
export type { PlanFailure, PlannedImage, PlanReport, PlanTotals, RateLimit } from './report/plan-report.ts'
export { openLayout, readLayout, type OpenLayoutOptions } from './layout/open-layout.ts'
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
export { verify, type VerifyEvents, type VerifyOptions } from './verify.ts'
export type { VerifiedEndpoint, VerifiedImage, VerifyReport, VerifyTotals } from './report/verify-report.ts'
export { parseVersion, type K3sVersion } from './release/version.ts'
export { version } from './version.ts'
