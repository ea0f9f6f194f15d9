import { MirrorError } from '../../errors.ts'
import { isJsonObject } from '../../oci/json-object.ts'
import type { FailureReport } from '../../report/report-head.ts'
import { isDocument } from '../options/output.ts'
import { formatErrorLine } from './error-text.ts'
import { formatFinished } from './merged-text.ts'
import {
  diffFormat,
  formatFailure,
  manyPlanFormat,
  manyRunFormat,
  planFormat,
  runFormat,
  syncFormat,
  verifyFormat,
} from './report-format.ts'
import type { Styles } from './styles.ts'

/** A report whose fields are known once its command is. */
type SavedReport = Readonly<Record<string, unknown>>

function formatOf(report: SavedReport, output: string | undefined, verbose: boolean): Promise<unknown> | undefined {
  const isMany = Array.isArray(report['destinations'])
  switch (report['command']) {
    case 'mirror':
    case 'bundle create':
    case 'bundle push':
    case 'bundle load':
      if (isMany) return manyRunFormat(output)
      return isDocument(output) ? runFormat(output) : Promise.resolve(formatFinished)
    case 'plan':
      return isMany ? manyPlanFormat(output, verbose) : planFormat(output, verbose)
    case 'verify':
      return verifyFormat(output, verbose)
    case 'diff':
      return diffFormat(output, verbose)
    case 'sync':
      return syncFormat(output)
    default:
      return undefined
  }
}

/** The text of a report that a file holds, for `--output`; `name` is the file. Throws USAGE for other content, and for a command without such a text. */
export async function savedReportFormat(
  report: SavedReport,
  name: string,
  { output, verbose }: { readonly output: string | undefined; readonly verbose: boolean },
): Promise<(styles: Styles) => string> {
  const { command, error } = report
  const hasParts = ['images', 'destinations', 'entries'].some((part) => Array.isArray(report[part]))
  if (isJsonObject(error) && !hasParts) {
    const failure = report as unknown as FailureReport
    const text = (await formatFailure(failure, output)) ?? `${formatErrorLine(failure.error)}\n`
    return () => text
  }
  const format = hasParts ? formatOf(report, output, verbose) : undefined
  if (format === undefined)
    throw new MirrorError('USAGE', `cannot show ${name}: it is not a report of mirror, plan, sync, verify, diff or bundle`, {
      hint: 'pass a file that --report of one of these commands has written',
    })
  const make = (await format) as (report: SavedReport, styles: Styles) => string
  return (styles) => {
    try {
      return make(report, styles)
    } catch (cause) {
      throw new MirrorError('USAGE', `cannot show ${name}: a field of the report of ${String(command)} is missing or invalid`, { cause })
    }
  }
}
