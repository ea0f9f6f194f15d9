import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { packagesOf, projectRoot } from '../build-cli.ts'
import { nodeVersion } from './targets.ts'

interface Component {
  readonly 'bom-ref': string
  readonly name: string
  readonly scope?: string
  readonly properties?: readonly { readonly name: string }[]
}

/** What is used here of a CycloneDX document: https://cyclonedx.org/docs/1.5/json/ */
interface Bom {
  readonly metadata: { readonly component: Component }
  readonly components: readonly Component[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

const node = {
  'bom-ref': `node@${nodeVersion}`,
  type: 'platform',
  name: 'node',
  version: nodeVersion,
  scope: 'required',
  description: 'The Node.js runtime that the executable embeds',
  licenses: [{ license: { id: 'MIT' } }],
  cpe: `cpe:2.3:a:nodejs:node.js:${nodeVersion}:*:*:*:*:*:*:*`,
  purl: `pkg:github/nodejs/node@v${nodeVersion}`,
}

/** That a package is a development dependency of this project says nothing about the executable, which contains it. */
function contained(component: Component): Component {
  const properties = component.properties?.filter(({ name }) => name !== 'cdx:npm:package:development')
  return { ...component, scope: 'required', ...(properties !== undefined && { properties }) }
}

/** A CycloneDX document of the packages in an executable, and of its Node; the same bundle gives the same bytes. */
export function sbomOf(inputs: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('npm', ['sbom', '--sbom-format', 'cyclonedx'], {
    cwd: projectRoot,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`npm sbom failed: ${stderr}`)
  const { metadata, components, dependencies } = JSON.parse(stdout) as Bom
  const packages = packagesOf(inputs).map((path) => {
    const { name, version } = JSON.parse(readFileSync(`${projectRoot}node_modules/${path}/package.json`, 'utf8')) as Record<string, string>
    return `${name}@${version}`
  })
  const kept = packages.map((name) => {
    const component = components.find((one) => one['bom-ref'] === name)
    if (component === undefined) throw new Error(`npm sbom does not list ${name}, which the executable contains`)
    return contained(component)
  })
  const refs = new Set(kept.map((component) => component['bom-ref']))
  const own = metadata.component['bom-ref']
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: { ...contained(metadata.component), type: 'application', name: 'k3s-mirror' } },
    components: [node, ...kept],
    dependencies: dependencies
      .filter(({ ref }) => ref === own || refs.has(ref))
      .map(({ ref, dependsOn }) => ({
        ref,
        dependsOn: ref === own ? [node['bom-ref'], ...refs] : dependsOn.filter((name) => refs.has(name)),
      })),
  }
  return `${JSON.stringify(document, undefined, 2)}\n`
}
