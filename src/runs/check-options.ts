import { MirrorError } from '../errors.ts'
import { mostShards } from '../plan/shard.ts'

/** What a value must be: how a message calls it, and the test. */
type Shape = readonly [expected: string, matches: (value: unknown) => boolean]

const isString = (value: unknown): boolean => typeof value === 'string'
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Bytes of the smallest part of a split bundle. */
const smallestPart = 1024 * 1024

const text: Shape = ['a string', isString]
const texts: Shape = ['an array of strings', (value) => Array.isArray(value) && value.every(isString)]
const someTexts: Shape = ['an array of at least one string', (value) => texts[1](value) && (value as unknown[]).length > 0]
const flag: Shape = ['a boolean', (value) => typeof value === 'boolean']
const count: Shape = ['a whole number of at least 1', (value) => Number.isSafeInteger(value) && Number(value) >= 1]
const isWhole = (value: unknown, most: number): boolean => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= most
const record: Shape = [
  'an object with string values',
  (value) => isRecord(value) && Object.values(value).every((one) => one === undefined || isString(one)),
]
const amount = (value: unknown): boolean => value === undefined || (typeof value === 'number' && value >= 0)

const policy: Shape = [
  'an object with retries, baseDelay, maxDelay and maxThrottled, each a number from 0',
  (value) => isRecord(value) && ['retries', 'baseDelay', 'maxDelay', 'maxThrottled'].every((name) => amount(value[name])),
]

/** Every option of the library's functions, which have the same shape wherever they occur. */
const shapes: Readonly<Record<string, Shape>> = {
  a: text,
  airgapTarballs: flag,
  architectures: texts,
  artifactUrl: text,
  asNode: flag,
  b: text,
  blobJobs: count,
  channelUrl: text,
  dataDir: ['an absolute path', (value) => typeof value === 'string' && value.startsWith('/')],
  deep: flag,
  describePresent: flag,
  destinationCredentials: [
    'an object with username and password',
    (value) => isRecord(value) && isString(value['username']) && isString(value['password']),
  ],
  disableDefaultEndpoint: flag,
  dockerConfig: text,
  dockerHost: text,
  dryRun: flag,
  embeddedAddress: text,
  embeddedRegistry: flag,
  environment: record,
  exclude: texts,
  executables: text,
  expected: [
    'an object with name and digests, a Map',
    (value) => isRecord(value) && isString(value['name']) && value['digests'] instanceof Map,
  ],
  file: text,
  files: someTexts,
  filesTo: text,
  flatten: flag,
  foreignLayers: flag,
  forImagesDir: flag,
  from: record,
  images: texts,
  ifChanged: ["'replace', 'fail' or 'skip'", (value) => value === 'replace' || value === 'fail' || value === 'skip'],
  ignoreMissing: flag,
  include: texts,
  installScript: text,
  jobs: count,
  k3sVersion: ['a K3sVersion', isRecord],
  keep: flag,
  listSha256: text,
  lock: text,
  manifests: texts,
  name: text,
  olderThan: ['a number of milliseconds from 0', (value) => typeof value === 'number' && value >= 0],
  locked: text,
  out: text,
  namesOnly: flag,
  pauseImage: text,
  platforms: texts,
  product: ["'k3s' or 'rke2'", (value) => value === 'k3s' || value === 'rke2'],
  recheck: flag,
  references: texts,
  registries: text,
  releaseApiUrl: text,
  releases: texts,
  repositories: texts,
  repositoryUrl: text,
  retry: policy,
  rewrite: texts,
  root: text,
  selinux: texts,
  selinuxApiUrl: text,
  shard: [
    `an object with index and count, whole numbers with 1 <= index <= count <= ${mostShards}`,
    (value) => isRecord(value) && isWhole(value['index'], Number(value['count'])) && isWhole(value['count'], mostShards),
  ],
  signal: ['an AbortSignal', (value) => typeof value === 'object' && value !== null && 'aborted' in value],
  since: text,
  sparse: flag,
  splitSize: [`a whole number of at least ${smallestPart} bytes`, (value) => Number.isSafeInteger(value) && Number(value) >= smallestPart],
  stdin: ['an async iterable of bytes', (value) => typeof value === 'object' && value !== null && Symbol.asyncIterator in value],
  storageHosts: texts,
  systemDefaultRegistry: text,
  timeout: ['a number of milliseconds above 0', (value) => typeof value === 'number' && value > 0],
  to: text,
  tokenHosts: texts,
  via: ["'registry' or 'docker'", (value) => value === 'registry' || value === 'docker'],
  withUpgradeImages: flag,
}

/** A value for a message; only what cannot hold a secret is quoted. */
function describe(value: unknown): string {
  if (['number', 'boolean', 'undefined'].includes(typeof value) || value === null) return String(value)
  return Array.isArray(value) ? 'an array' : `${/^[aeiou]/.test(typeof value) ? 'an' : 'a'} ${typeof value}`
}

/** Options that a function takes several of where all others take one. */
const severalShapes: Readonly<Record<string, Shape>> = { to: someTexts }

/** Checks the options of a function of the library before anything begins; those in `several` are arrays there. Throws USAGE with the name, the expected form and what was given. */
export function checkOptions(options: unknown, required: readonly string[] = [], several: readonly 'to'[] = []): void {
  if (!isRecord(options)) throw new MirrorError('USAGE', `options must be an object: got ${describe(options)}`)
  for (const name of required) {
    if (options[name] === undefined) throw new MirrorError('USAGE', `options.${name} is required`, { hint: `set options.${name}` })
  }
  for (const [name, value] of Object.entries(options)) {
    const known = several.some((one) => one === name) ? severalShapes : shapes
    const shape = Object.hasOwn(known, name) ? known[name] : undefined
    if (shape === undefined || value === undefined || shape[1](value)) continue
    throw new MirrorError('USAGE', `options.${name} must be ${shape[0]}: got ${describe(value)}`)
  }
}
