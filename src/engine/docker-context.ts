import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MirrorError, systemReason } from '../errors.ts'
import { isJsonObject } from '../oci/json-object.ts'
import { printable } from '../text/printable.ts'

/** PEM texts of a client's side of TLS. */
export interface PemFiles {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** The context that is looked at when none is named; it stands for DOCKER_HOST or the default socket and has no files. */
export const defaultContext = 'default'

/** A context's name for a message. */
export function shownContext(name: string): string {
  return `the context "${printable(name)}"`
}

/** `currentContext` of the config.json in this directory, else `default`. Throws INVALID_CONFIG for a file that cannot be read. */
export async function readCurrentContext(dockerConfig: string): Promise<string> {
  const path = join(dockerConfig, 'config.json')
  const { currentContext = '' } = (await readJson(path, 'correct the file, or pass options.dockerHost')) ?? {}
  if (typeof currentContext !== 'string') throw invalid(`${path}: its "currentContext" is not a string`, 'run docker context use default')
  return currentContext === '' ? defaultContext : currentContext
}

/** Reads the address and the directory of PEM files of a context: https://docs.docker.com/engine/manage-resources/contexts/. Throws INVALID_CONFIG. */
export async function readDockerContext(
  dockerConfig: string,
  name: string,
): Promise<{ readonly host: string; readonly skipTlsVerify: boolean; readonly tlsDirectory: string }> {
  const folder = createHash('sha256').update(name).digest('hex')
  const path = join(dockerConfig, 'contexts', 'meta', folder, 'meta.json')
  const repair = 'create the context again with docker context create, or pass options.dockerHost'
  const meta = await readJson(path, repair)
  const missing = `${shownContext(name)} does not exist in ${join(dockerConfig, 'contexts')}`
  if (meta === undefined) throw invalid(missing, 'choose a context from docker context ls')
  const endpoints = meta['Endpoints']
  const endpoint = isJsonObject(endpoints) ? endpoints['docker'] : undefined
  if (!isJsonObject(endpoint)) throw invalid(`${path}: ${shownContext(name)} has no Docker endpoint`, repair)
  const { Host: host, SkipTLSVerify: skipTlsVerify = false } = endpoint
  if (typeof host !== 'string' || host === '') throw invalid(`${path}: its "Host" is not the address of an Engine`, repair)
  if (typeof skipTlsVerify !== 'boolean') throw invalid(`${path}: its "SkipTLSVerify" is neither true nor false`, repair)
  return { host, skipTlsVerify, tlsDirectory: join(dockerConfig, 'contexts', 'tls', folder, 'docker') }
}

/** Reads ca.pem, cert.pem and key.pem, those that are there. Throws INVALID_CONFIG for one that cannot be used, half a pair and a missing ca.pem that is needed. */
export async function readPemFiles(directory: string, { needsCa }: { readonly needsCa: boolean }): Promise<PemFiles> {
  const [ca, cert, key] = await Promise.all(['ca.pem', 'cert.pem', 'key.pem'].map((name) => readPem(join(directory, name))))
  const lacking = (name: string, why: string): MirrorError =>
    invalid(`${join(directory, name)} is missing${why}`, 'add the file, or correct DOCKER_CERT_PATH or the context')
  if (ca === undefined && needsCa) throw lacking('ca.pem', ', but TLS is enabled')
  if (cert === undefined && key !== undefined) throw lacking('cert.pem', ', but key.pem exists')
  if (key === undefined && cert !== undefined) throw lacking('key.pem', ', but cert.pem exists')
  // the Docker CLI takes none either, and OpenSSL's own message would not say so
  if (key !== undefined && /ENCRYPTED/.test(key)) {
    throw invalid(`${join(directory, 'key.pem')} is encrypted`, 'store the key without a passphrase, readable only by its owner')
  }
  return { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) }
}

async function readPem(path: string): Promise<string | undefined> {
  const hint = 'correct the file, unset DOCKER_TLS_VERIFY, or use another context'
  const text = await readText(path, hint)
  if (text !== undefined && !/^-----BEGIN [A-Z0-9 ]+-----/m.test(text)) throw invalid(`${path} is not a PEM file`, hint)
  return text
}

async function readJson(path: string, hint: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = await readText(path, hint)
  if (text === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    // the parser's own message quotes the file, and config.json holds passwords
    throw invalid(`${path}: it is not JSON`, hint)
  }
  if (isJsonObject(value)) return value
  throw invalid(`${path}: it is not a JSON object`, hint)
}

async function readText(path: string, hint: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw invalid(`${path}: ${systemReason(error)}`, hint)
  }
}

function invalid(message: string, hint: string): MirrorError {
  return new MirrorError('INVALID_CONFIG', message, { hint })
}
