import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Prints the URL of every script that importing a module compiles. */
const script = `
  import { Session } from 'node:inspector'
  const session = new Session()
  const urls = []
  session.connect()
  session.on('Debugger.scriptParsed', ({ params }) => urls.push(params.url))
  session.post('Debugger.enable')
  const before = urls.length
  await import(process.argv[1])
  console.log(JSON.stringify(urls.slice(before)))
`

/** What importing one entry point of the built package loads: packages, and modules of its own by their path in dist. */
async function loadedBy(specifier: string): Promise<{ readonly packages: readonly string[]; readonly modules: readonly string[] }> {
  // In its own folder the package's name leads to its own exports.
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script, specifier], { cwd: root })
  const urls = JSON.parse(stdout) as readonly string[]
  const paths = urls.filter((url) => url.startsWith('file://') || url.startsWith('/')).map((url) => url.replace(/^file:\/\//, ''))
  const found = (pattern: RegExp): string[] => [...new Set(paths.flatMap((path) => pattern.exec(path)?.[1] ?? []))].toSorted()
  return { packages: found(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//), modules: found(/^(?!.*\/node_modules\/).*\/dist\/(.*)\.js$/) }
}

const foldersOf = (modules: readonly string[]): readonly string[] => [...new Set(modules.map((path) => path.split('/')[0] ?? ''))]

test('importing the package loads nothing that only one of its functions needs', async () => {
  assert.deepEqual(await loadedBy('k3s-mirror'), {
    packages: [],
    modules: ['errors', 'index', 'oci/digest', 'oci/reference', 'text/secrets', 'version'],
  })
})

test('importing the registry server loads neither clients nor a Docker Engine', async () => {
  const { packages, modules } = await loadedBy('k3s-mirror/server')
  assert.deepEqual(packages, ['p-limit', 'pretty-bytes', 'yocto-queue'])
  assert.deepEqual(foldersOf(modules), ['api', 'async', 'errors', 'kit', 'layout', 'oci', 'registry-server', 'release', 'text', 'version'])
})

test('importing the tools for registries.yaml loads nothing that speaks HTTP', async () => {
  const { packages, modules } = await loadedBy('k3s-mirror/registries')
  assert.deepEqual(packages, ['re2js', 'smol-toml', 'yaml'])
  assert.deepEqual(foldersOf(modules), ['api', 'async', 'errors', 'node', 'oci', 'registries-yaml', 'release', 'text', 'yaml'])
})
