import { lstat, readdir, realpath, stat } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { MirrorError, systemReason } from '../../errors.ts'
import { readBoundedFile } from '../../registries-yaml/read/bounded-file.ts'
import { locateBelowRoot, type LocatedFile } from '../path-below-root.ts'
import { nodeFinding, type NodeFinding } from './finding.ts'

/** A file of a node that was read. */
export interface NodeFile {
  readonly path: string
  readonly bytes: Buffer
  readonly text: string
  /** Permission bits. */
  readonly mode: number
  /** Milliseconds since 1970, with fractions. */
  readonly modified: number
}

/** Why a file was not read: `missing`, or in words. */
export type FileProblem = string

/** An entry of a directory on a node, links followed. */
export interface NodeEntry {
  readonly name: string
  readonly kind: 'file' | 'directory' | 'other' | 'missing'
  /** True for a symbolic link. */
  readonly isLink: boolean
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970, with fractions. */
  readonly modified: number
  /** The path on this machine, without links. */
  readonly at: string
}

const defaultBytes = 1024 * 1024
const mostEntries = 10_000

function problemOf(code: string): FileProblem {
  return ['ENOENT', 'ENOTDIR', 'missing'].includes(code) ? 'missing' : /^E[A-Z0-9]+$/.test(code) ? systemReason({ code }) : code
}

/** The files of a node, or of a copy of them below a root directory. Links lead to files below the root, and nothing else is read. Nothing is written. */
export class NodeFiles {
  readonly root: string
  readonly #signal: AbortSignal | undefined
  readonly #read = new Map<string, 'read' | 'missing' | 'unreadable'>()

  private constructor(root: string, signal: AbortSignal | undefined) {
    this.root = root
    this.#signal = signal
  }

  /** Throws USAGE for a root that is not a directory. */
  static async open(root: string, signal?: AbortSignal): Promise<NodeFiles> {
    const hint = 'pass a directory with a copy of the node, or / on the node itself'
    try {
      const at = await realpath(root)
      if ((await stat(at)).isDirectory()) return new NodeFiles(at, signal)
    } catch (cause) {
      throw new MirrorError('USAGE', `options.root "${root}": ${systemReason(cause)}`, { hint, cause })
    }
    throw new MirrorError('USAGE', `options.root "${root}" is not a directory`, { hint })
  }

  /** The files that were asked for, and what became of each. */
  get asked(): ReadonlyMap<string, 'read' | 'missing' | 'unreadable'> {
    return this.#read
  }

  async #locate(path: string): Promise<LocatedFile & { readonly problem: FileProblem | undefined }> {
    this.#signal?.throwIfAborted()
    const located = await locateBelowRoot(this.root, path)
    return { ...located, problem: located.code === undefined ? undefined : problemOf(located.code) }
  }

  /** Where this machine has a file of the node; also for a missing file. */
  async locate(path: string): Promise<string> {
    return (await this.#locate(path)).at
  }

  /** Reads a file of at most so many bytes. Returns `missing` or another reason for a file that is not read. */
  async read(path: string, maxBytes: number = defaultBytes): Promise<NodeFile | FileProblem> {
    const { at, facts, problem } = await this.#locate(path)
    const read = problem ?? (await readBoundedFile(at, maxBytes, this.#signal))
    if (typeof read === 'string') {
      const reason = problemOf(read)
      this.#read.set(path, reason === 'missing' ? 'missing' : 'unreadable')
      return reason
    }
    this.#read.set(path, 'read')
    const bytes = Buffer.from(read.bytes)
    return { path, bytes, text: bytes.toString('utf8'), mode: read.mode, modified: facts?.mtimeMs ?? 0 }
  }

  /** The entries of a directory by name. Returns `missing` or another reason for a directory that is not read. */
  async list(path: string): Promise<readonly NodeEntry[] | FileProblem> {
    const { at, problem } = await this.#locate(path)
    if (problem !== undefined) return problem
    let names: readonly string[]
    try {
      names = await readdir(at)
    } catch (error) {
      return problemOf((error as NodeJS.ErrnoException).code ?? 'unknown reason')
    }
    const entries: NodeEntry[] = []
    // Go's order.
    for (const name of [...names].slice(0, mostEntries).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
      entries.push(await this.#describe(posix.join(path, name), name, join(at, name)))
    return entries
  }

  async #describe(path: string, name: string, entry: string): Promise<NodeEntry> {
    const own = await lstat(entry).catch(() => undefined)
    const { at, facts } = await this.#locate(path)
    const kind = facts === undefined ? 'missing' : facts.isDirectory() ? 'directory' : facts.isFile() ? 'file' : 'other'
    return { name, kind, isLink: own?.isSymbolicLink() === true, size: facts?.size ?? 0, modified: facts?.mtimeMs ?? 0, at }
  }

  /** True for an existing file or directory. */
  async has(path: string): Promise<boolean> {
    return (await this.#locate(path)).facts !== undefined
  }
}

/** The finding for a file that exists and cannot be read; undefined for a missing file. */
export function unreadableFinding(path: string, problem: FileProblem): NodeFinding | undefined {
  if (problem === 'missing') return undefined
  const isDenied = problem === systemReason({ code: 'EACCES' }) || problem === systemReason({ code: 'EPERM' })
  const fix = isDenied ? 'run the command as root' : `correct the file: K3s expects a regular file here`
  return nodeFinding('unreadable', path, `cannot be read and was not checked: ${problem}`, { fix })
}

/** What a file that is newer than config.toml means. */
export const notRead = 'is newer than config.toml: K3s has not read this version yet, if the files have the times of the node'
