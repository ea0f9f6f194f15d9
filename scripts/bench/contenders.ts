import { fileURLToPath } from 'node:url'
import { findProgram } from '../../test/servers/require-server.ts'
import type { CommandLine } from './run-processes.ts'

/** What is to be copied: `host:port` of both registries, the list's file, and its references without the registry. */
export interface Job {
  readonly source: string
  readonly destination: string
  readonly listFile: string
  readonly images: readonly string[]
}

/** A program that is measured, and the processes that do the job, all at once. */
export interface Contender {
  readonly name: string
  readonly commands: (job: Job) => readonly CommandLine[]
}

/** The built program. */
export const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** This program: one process for the whole list. */
export const ours: Contender = {
  name: 'k3s-mirror',
  commands: ({ source, destination, listFile }) => [
    [
      process.execPath,
      program,
      'mirror',
      '--images',
      listFile,
      '--from',
      `docker.io=http://${source}`,
      '--to',
      `http://${destination}/mirror`,
      '--quiet',
    ],
  ],
}

/** One process an image: none of the others takes a list. */
function each(name: string, command: (from: string, to: string) => CommandLine): Contender {
  return {
    name,
    commands: ({ source, destination, images }) => images.map((image) => command(`${source}/${image}`, `${destination}/mirror/${image}`)),
  }
}

const others: readonly Contender[] = [
  each('crane', (from, to) => ['crane', 'copy', '--insecure', from, to]),
  each('skopeo', (from, to) => [
    'skopeo',
    '--insecure-policy',
    'copy',
    '--all',
    '--quiet',
    '--src-tls-verify=false',
    '--dest-tls-verify=false',
    `docker://${from}`,
    `docker://${to}`,
  ]),
  each('oras', (from, to) => ['oras', 'cp', '--from-plain-http', '--to-plain-http', from, to]),
]

/** The others by name, and whether they are on PATH. */
export const peers: readonly (Contender & { readonly installed: boolean })[] = others.map((contender) => ({
  ...contender,
  installed: findProgram(contender.name) !== undefined,
}))
