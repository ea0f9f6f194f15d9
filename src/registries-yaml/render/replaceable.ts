import { certsDirectory } from './config-toml.ts'
import { k3sHeader } from './hosts-toml.ts'
import { ownHeader } from './rendered.ts'

/** What `renderRegistrySection` writes has no header: these are all the lines that there can be in it, the second one in any case. */
const sectionLine =
  /^(?:|\[plugins\.["']io\.containerd\.(?:grpc\.v1\.cri|cri\.v1\.images)["']\.registry(?:\.configs\..*\.auth)?\]| {2}(?:config_path|username|password|auth|identitytoken) = ".*")$/
const sectionPath = `  config_path = "${certsDirectory}"`

function isRegistrySection(text: string): boolean {
  const lines = text.split('\n')
  return lines[1] === sectionPath && lines.every((line) => sectionLine.test(line))
}

/** True for the text of a hosts.toml or config.toml that K3s or render has written, and nobody by hand: nothing is lost where another takes its place. */
export function isReplaceable(text: string): boolean {
  const [first = ''] = text.split('\n', 1)
  // In a config.toml K3s goes on about templates.
  return first === ownHeader || first === k3sHeader || first.startsWith(`${k3sHeader} `) || isRegistrySection(text)
}
