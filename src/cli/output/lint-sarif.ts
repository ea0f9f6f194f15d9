import { relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { LintChange, LintFinding, LintReport } from '../../registries-yaml/lint/lint-report.ts'
import type { Rule, Severity } from '../../registries-yaml/lint/rule.ts'
import { rules } from '../../registries-yaml/lint/rules.ts'
import type { FailureReport } from '../../report/report-head.ts'
import { redactUserinfo } from '../../text/redact.ts'
import { version } from '../../version.ts'
import { textLine, withFlags } from './flags.ts'

/** https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html#_Toc34317648 */
const levels: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', info: 'note' }
/** What GitHub sorts alerts by: https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning */
const problemSeverities: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', info: 'recommendation' }

function plainText(markdown: string): string {
  return withFlags(markdown).replaceAll('`', '').replace(/\s+/g, ' ')
}

function describe([id, { title, about, severity = 'error' }]: readonly [string, Rule]): object {
  return {
    id,
    name: id.replace(/(?:^|-)([a-z0-9])/g, (_, first: string) => first.toUpperCase()),
    shortDescription: { text: plainText(title) },
    fullDescription: { text: plainText(about) },
    help: { text: plainText(about), markdown: withFlags(about) },
    defaultConfiguration: { level: levels[severity] },
    properties: { tags: ['k3s', 'registries.yaml'], 'problem.severity': problemSeverities[severity] },
  }
}

const ids = Object.keys(rules)

/** A file below the working directory by its path from there, as GitHub requires it; any other one by its whole path. */
function uriOf(file: string): string {
  if (file === '-') return 'stdin'
  const path = relative('.', file).replaceAll('\\', '/')
  const isBelow = !path.startsWith('../') && resolve(path) === resolve(file)
  return isBelow ? path.split('/').map(encodeURIComponent).join('/') : pathToFileURL(file).href
}

function regionOf({ line, column, endLine, endColumn }: Omit<LintChange, 'text'>): object {
  return { startLine: line, startColumn: column, endLine, endColumn }
}

function fixOf(finding: LintFinding, artifactLocation: object): object {
  const replacements = (finding.edits ?? []).map((edit) => ({
    deletedRegion: regionOf(edit),
    ...(edit.text !== '' && { insertedContent: { text: edit.text } }),
  }))
  return { description: { text: textLine(finding.fix) }, artifactChanges: [{ artifactLocation, replacements }] }
}

function resultOf(finding: LintFinding, artifactLocation: object): object {
  const { rule, severity, line, column, endLine, endColumn, message, fix, fingerprint, edits } = finding
  const region =
    endLine === undefined || endColumn === undefined
      ? { startLine: line, startColumn: column }
      : regionOf({ line, column, endLine, endColumn })
  return {
    ruleId: rule,
    ruleIndex: ids.indexOf(rule),
    level: levels[severity],
    message: { text: `${textLine(message)}\nfix: ${textLine(fix)}` },
    locations: [{ physicalLocation: { artifactLocation, region } }],
    // The name that GitHub reads.
    partialFingerprints: { primaryLocationLineHash: fingerprint },
    ...(edits !== undefined && { fixes: [fixOf(finding, artifactLocation)] }),
  }
}

function document(run: object): string {
  const driver = { name: 'k3s-mirror', version, semanticVersion: version, rules: Object.entries(rules).map(describe) }
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver },
        // Our columns count what JavaScript and Visual Studio Code count.
        columnKind: 'utf16CodeUnits',
        newlineSequences: ['\r\n', '\n', '\r'],
        automationDetails: { id: 'k3s-mirror/registries-lint/' },
        ...run,
      },
    ],
  }
  return `${JSON.stringify(log, (_, value: unknown) => (typeof value === 'string' ? redactUserinfo(value) : value))}\n`
}

/** The findings as SARIF 2.1.0, for code scanning and editors: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. Ends with a newline. */
export function formatLintSarif({ file, findings }: LintReport): string {
  const artifactLocation = { uri: uriOf(file) }
  return document({
    invocations: [{ executionSuccessful: true }],
    results: findings.map((finding) => resultOf(finding, artifactLocation)),
  })
}

/** A command that could not begin as SARIF: no results, and the error as a notification of the tool. Ends with a newline. */
export function formatFailureSarif({ error: { code, message, hint } }: FailureReport): string {
  const text = [textLine(message), ...(hint === undefined ? [] : [`hint: ${textLine(hint)}`])].join('\n')
  const notification = { descriptor: { id: code }, level: 'error', message: { text } }
  return document({ invocations: [{ executionSuccessful: false, toolExecutionNotifications: [notification] }], results: [] })
}
