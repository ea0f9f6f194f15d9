import type { ReportTotals } from './report.ts'

/** Totals before the first image. */
export const noTotals: ReportTotals = {
  images: 0,
  copied: 0,
  replaced: 0,
  upToDate: 0,
  skipped: 0,
  failed: 0,
  bytesCopied: 0,
  bytesSaved: 0,
  bytesRetried: 0,
  requests: { source: 0, destination: 0 },
  seconds: 0,
}

/** The totals of runs that ran at the same time; `sourceRequests` were sent for all of them. */
export function sumTotals(all: readonly ReportTotals[], sourceRequests: number): ReportTotals {
  const sum = (count: (totals: ReportTotals) => number): number => all.reduce((total, totals) => total + count(totals), 0)
  return {
    images: sum(({ images }) => images),
    copied: sum(({ copied }) => copied),
    replaced: sum(({ replaced }) => replaced),
    upToDate: sum(({ upToDate }) => upToDate),
    skipped: sum(({ skipped }) => skipped),
    failed: sum(({ failed }) => failed),
    bytesCopied: sum(({ bytesCopied }) => bytesCopied),
    bytesSaved: sum(({ bytesSaved }) => bytesSaved),
    bytesRetried: sum(({ bytesRetried }) => bytesRetried),
    requests: {
      source: sourceRequests + sum(({ requests }) => requests.source),
      destination: sum(({ requests }) => requests.destination),
    },
    seconds: Math.max(0, ...all.map(({ seconds }) => seconds)),
  }
}
