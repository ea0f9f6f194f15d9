import { embeddedAddressOf } from '../hosts/k3s-flags.ts'
import { isNodeItself, isListenAddress } from '../hosts/node-itself.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** An endpoint on the node that reads the file. */
export const endpointLoopback: Rule = {
  severity: 'info',
  title: 'An endpoint on the node itself',
  about: `\`localhost\`, \`127.0.0.1\` and \`::1\` mean the node that reads the file, not the machine that the file was written on. Such an endpoint works only if
a registry runs on every node, as a local cache does. \`0.0.0.0\` and \`::\` are addresses to listen on; as endpoints they are a warning. The embedded registry of K3s
at \`127.0.0.1:6443\`, and mirrors of \`localhost\` itself, are not reported.`,
  endpoint: ({ mirror, text, endpoint }, { flags }) => {
    const host = endpoint?.host
    if (
      host === undefined ||
      !isNodeItself(host) ||
      isNodeItself(mirror) ||
      host === embeddedAddressOf({ ...flags, embeddedRegistry: true })
    )
      return undefined
    const message = `the endpoint ${shown(text)} of ${shown(mirror)} means the node itself`
    const fix = 'use an address that nodes can reach'
    return isListenAddress(host) ? { message, fix, severity: 'warning' } : { message, fix: `${fix}, unless every node runs a registry` }
  },
}
