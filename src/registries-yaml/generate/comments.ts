import { isNodeItself, nodeItselfWarning } from '../hosts/node-itself.ts'
import type { GenerateOptions, NodeEndpoint } from './options.ts'

/** The first words of every generated file. */
export const generatedMark = '# registries.yaml for K3s nodes, made by k3s-mirror'

/** The comment at the top of the file: its purpose, and where to install it. */
export function headerLines({ version, selection, images, endpoint }: GenerateOptions, { url, key }: NodeEndpoint): readonly string[] {
  const prefix = endpoint.prefix.replace(/\/$/, '')
  return [
    `${generatedMark.slice(2)}${version === undefined ? '' : ` ${version}`}`,
    `for ${selection ?? `${images.length} image${images.length === 1 ? '' : 's'}`} at ${url}${prefix === '' ? '' : `/${prefix}`}`,
    '',
    'Copy it to /etc/rancher/k3s/registries.yaml on every node, server or agent, then restart K3s:',
    'systemctl restart k3s on servers, k3s-agent on agents.',
    'Nodes still pull other images from the registry in the image name, unless K3s runs with --disable-default-registry-endpoint.',
    ...(isNodeItself(key) ? [`Warning: ${nodeItselfWarning(key)}`] : []),
  ]
}

/** The commented-out settings for the user to fill in; empty for no settings. */
export function blankLines(blanks: readonly string[]): readonly string[] {
  return blanks.length === 0 ? [] : ['# If the registry needs these settings, remove one "# " from each line and fill in:', ...blanks]
}

/** The same as a whole `configs` section, for a file without one. */
export function blankEntry(blanks: readonly string[], { key }: NodeEndpoint): readonly string[] {
  const [intro, ...lines] = blankLines(blanks)
  return intro === undefined ? [] : [intro, 'configs:', `  ${JSON.stringify(key)}:`, ...lines.map((line) => `    ${line}`)]
}
