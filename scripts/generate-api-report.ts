/** Writes docs/api/<entry>.api.md from the declarations in dist, and fails where a signature names a type that is not exported; with `--check` it only compares. */
import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import {
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type ExtractorMessage,
  type IExtractorConfigPrepareOptions,
} from '@microsoft/api-extractor'
import packageFile from '../package.json' with { type: 'json' }
import tsconfig from '../tsconfig.json' with { type: 'json' }

const root = fileURLToPath(new URL('..', import.meta.url))
const isCheck = process.argv.includes('--check')

const messages: IExtractorConfigPrepareOptions['configObject']['messages'] & {} = {
  extractorMessageReporting: {
    default: { logLevel: ExtractorLogLevel.Error },
    'ae-missing-release-tag': { logLevel: ExtractorLogLevel.None },
    'ae-undocumented': { logLevel: ExtractorLogLevel.None },
  },
  tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
}

function onMessage(message: ExtractorMessage): void {
  message.handled = true
  const isWrong = message.logLevel === ExtractorLogLevel.Error || message.logLevel === ExtractorLogLevel.Warning
  if (isWrong) console.error(`${message.sourceFilePath ?? ''} ${message.text}`)
}

/** True when the report of this entry of the package's exports is complete, and up to date where it is only compared. */
function report(entry: string, declarations: string): boolean {
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: `${root}package.json`,
    configObject: {
      projectFolder: root,
      newlineKind: 'lf',
      mainEntryPointFilePath: `${root}${declarations}`,
      compiler: { overrideTsconfig: { compilerOptions: tsconfig.compilerOptions, files: [`${root}${declarations}`] } },
      apiReport: { enabled: true, reportFileName: `${entry}.api.md`, reportFolder: `${root}docs/api`, reportTempFolder: tmpdir() },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages,
    },
  })
  const { errorCount, apiReportChanged } = Extractor.invoke(config, { localBuild: !isCheck, messageCallback: onMessage })
  if (isCheck && apiReportChanged) console.error(`docs/api/${entry}.api.md differs from the declarations; run: npm run generate`)
  return errorCount === 0 && !(isCheck && apiReportChanged)
}

mkdirSync(new URL('../docs/api/', import.meta.url), { recursive: true })
for (const [path, target] of Object.entries(packageFile.exports)) {
  if (typeof target === 'string') continue
  const entry = path === '.' ? packageFile.name : path.slice(2)
  if (!existsSync(`${root}${target.types}`)) throw new Error(`${target.types} is missing: run npm run build`)
  if (!report(entry, target.types)) process.exitCode = 1
}
