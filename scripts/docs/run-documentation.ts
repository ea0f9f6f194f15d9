import { readFile, readdir, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runInPrivateNetwork } from '../../test/servers/private-network.ts'
import { tempDir } from '../../test/servers/temp-dir.ts'
import { isSameOutput, updatedOutput } from './compare-output.ts'
import { internet, makeDemoWorld, site } from './demo-world.ts'
import { parsePage, withOutputs } from './page.ts'
import type { PageRun } from './run-page.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The pages that have commands to run, as paths from the root of the project. */
export async function documentationPages(): Promise<readonly string[]> {
  const names = (await readdir(`${root}/docs`)).filter((name) => name.endsWith('.md')).toSorted()
  const pages = ['README.md', ...names.map((name) => `docs/${name}`)]
  const texts = await Promise.all(pages.map((page) => readFile(`${root}/${page}`, 'utf8')))
  return pages.filter((_, index) => parsePage(texts[index] ?? '').steps.length > 0)
}

/** A machine with a made-up internet, which runs pages. */
export interface DocumentationRunner extends AsyncDisposable {
  /** Runs a page and gives one sentence for each difference; with `write` it puts the real outputs into the page. */
  run(page: string, options?: { readonly write?: boolean }): Promise<readonly string[]>
}

/** Makes the internet that all pages share; needs root, `unshare`, busybox and docker-registry. */
export async function openDocumentationRunner(): Promise<DocumentationRunner> {
  const directory = await tempDir()
  const { publicAuthority } = await makeDemoWorld(directory.path)
  return {
    async run(page, { write = false } = {}) {
      const file = `${root}/${page}`
      const text = await readFile(file, 'utf8')
      const names = { ...internet, ...site }
      const printed = await runInPrivateNetwork(new URL('run-page.ts', import.meta.url), {
        addresses: Object.values(names),
        names,
        authority: publicAuthority,
        env: { DOCS_PAGE: file, DOCS_WORLD: directory.path },
      })
      const { outputs, failure } = JSON.parse(printed) as PageRun
      const commands = parsePage(text).steps.flatMap((step) => (step.kind === 'commands' ? step.commands : []))
      const shown = commands.flatMap(({ source, output }) => (output === undefined ? [] : [{ source, output }]))
      if (write) {
        const updated = shown.map(({ output }, index) => {
          const real = outputs[index]
          return real === undefined ? output : updatedOutput(output, real)
        })
        await writeFile(file, withOutputs(text, updated))
      }
      const differences = shown.flatMap(({ source, output }, index) => {
        const real = outputs[index]
        return write || real === undefined || isSameOutput(output, real)
          ? []
          : [`${basename(page)}: "${source}" prints something else:\n${real}\nand not, as the page shows:\n${output}`]
      })
      return [...differences, ...(failure === undefined ? [] : [`${page}: ${failure}`])]
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  }
}
