import { MirrorError } from '../errors.ts'
import { isJsonObject, parseJsonObject } from '../oci/json-object.ts'
import { mostShards } from '../plan/shard.ts'
import type { MirrorReport } from './report.ts'

type Field = (value: unknown) => boolean

const isText: Field = (value) => typeof value === 'string'
const isAmount: Field = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0
const isCount: Field = (value) => Number.isSafeInteger(value) && Number(value) >= 0
const isShard: Field = (value) => isCount(value) && Number(value) >= 1 && Number(value) <= mostShards
const isFlag: Field = (value) => typeof value === 'boolean'

function record(fields: Readonly<Record<string, Field>>): Field {
  return (value) => isJsonObject(value) && Object.entries(fields).every(([name, field]) => field(value[name]))
}

function listOf(item: Field): Field {
  return (value) => Array.isArray(value) && value.every((one) => item(one))
}

function optional(field: Field): Field {
  return (value) => value === undefined || field(value)
}

const isError = record({ code: isText, message: isText, hint: optional(isText), reason: optional(isText) })

const isImage: Field = (value) =>
  record({
    source: isText,
    destination: isText,
    digest: optional(isText),
    status: isText,
    digestPreserved: isFlag,
    platforms: listOf(isText),
    bytes: record({ total: isCount, copied: isCount, mounted: isCount, present: isCount }),
    foreignLayersSkipped: optional(isCount),
    error: optional(isError),
  })(value) && (isJsonObject(value) && value['status'] === 'failed') === (isJsonObject(value) && value['error'] !== undefined)

/** The fields of a report that others rely on. */
const fields: Readonly<Record<string, Field>> = {
  command: isText,
  destination: isText,
  images: listOf(isImage),
  totals: record({
    images: isCount,
    copied: isCount,
    replaced: isCount,
    upToDate: isCount,
    skipped: isCount,
    failed: isCount,
    bytesCopied: isCount,
    bytesSaved: isCount,
    bytesRetried: isCount,
    requests: record({ source: isCount, destination: isCount }),
    seconds: isAmount,
  }),
  lists: listOf(record({ name: isText, sha256: isText, coverage: isText, images: isCount })),
  warnings: listOf(isText),
  engine: optional(record({ apiVersion: isText, store: isText })),
  shard: optional(record({ index: isShard, count: isShard, images: isCount, list: isText })),
  error: optional(isError),
  interrupted: optional((value) => value === true),
}

/** Reads the report of a run that copies images; `name` is its file. Throws USAGE for other text, and for the document of a run that did not begin. */
export function parseReport(text: string, name: string): MirrorReport {
  const refuse = (why: string, hint?: string): never => {
    throw new MirrorError('USAGE', `${name} ${why}`, { hint: hint ?? 'pass reports that k3s-mirror mirror has written as JSON' })
  }
  const document = parseJsonObject(text)
  if (document === undefined) return refuse('is not a report: it is not a JSON object')
  if (document['schemaVersion'] !== 1) return refuse('is not a report: it has no schemaVersion 1')
  const { images, error, destinations } = document
  if (images === undefined && Array.isArray(destinations)) {
    return refuse('is a report of several destinations, which cannot be merged', 'run the shards with one destination at a time')
  }
  if (images === undefined && isError(error)) {
    const { message } = error as { readonly message: string }
    return refuse(`is of a run that did not begin: ${message}`, 'run that shard again')
  }
  const wrong = Object.entries(fields).find(([part, field]) => !field(document[part]))?.[0]
  if (wrong !== undefined) return refuse(`is not a report of mirror: "${wrong}" is missing or invalid`)
  return document as unknown as MirrorReport
}
