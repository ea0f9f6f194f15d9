import type { GenerateOptions, NodeEndpoint } from './options.ts'

/** What every generated file begins with. */
export const generatedMark = '# registries.yaml for K3s nodes, made by k3s-mirror'

/** Lines for the head of the file: what it is for, and where it goes. */
export function headerLines({ version, selection, images, endpoint }: GenerateOptions, { url }: NodeEndpoint): readonly string[] {
  const prefix = endpoint.prefix.replace(/\/$/, '')
  return [
    `${generatedMark.slice(2)}${version === undefined ? '' : ` ${version}`}`,
    `for ${selection ?? `${images.length} image${images.length === 1 ? '' : 's'}`} at ${url}${prefix === '' ? '' : `/${prefix}`}`,
    '',
    'It goes to every node, server and agent, as /etc/rancher/k3s/registries.yaml. K3s reads it when it starts:',
    'systemctl restart k3s on servers, k3s-agent on agents.',
    'What the mirror lacks is still pulled from where it comes from, unless servers and agents run with --disable-default-registry-endpoint.',
  ]
}

/** The lines that are left to be filled in; none where nothing is. */
export function blankLines(blanks: readonly string[]): readonly string[] {
  return blanks.length === 0 ? [] : ['# Where the registry needs it, take one "# " away from each line and fill in:', ...blanks]
}

/** The same where `configs` has no entry for the destination yet. */
export function blankEntry(blanks: readonly string[], { key }: NodeEndpoint): readonly string[] {
  const [intro, ...lines] = blankLines(blanks)
  return intro === undefined ? [] : [intro, 'configs:', `  ${JSON.stringify(key)}:`, ...lines.map((line) => `    ${line}`)]
}
