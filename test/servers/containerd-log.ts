/** One request to a registry as containerd logged it; https://github.com/containerd/containerd/blob/v1.6.20/remotes/docker/resolver.go */
export interface RegistryAttempt {
  readonly method: string
  /** The whole URL with its query: `https://registry.example.com/v2/rancher/x/manifests/1?ns=docker.io`. */
  readonly url: string
  /** Undefined when there was no answer. */
  readonly status: number | undefined
}

/** Requests in the order in which they were sent, to hosts that do not answer too, from lines of a log at level debug. */
export function readAttempts(lines: readonly string[]): readonly RegistryAttempt[] {
  const attempts: { method: string; url: string; status: number | undefined }[] = []
  for (const line of lines) {
    const url = field(line, 'url')
    if (url === undefined) continue
    if (line.includes(' msg="do request" ')) attempts.push({ method: field(line, 'request.method') ?? '', url, status: undefined })
    if (line.includes(' msg="fetch response received" ')) {
      const open = attempts.findLast((attempt) => attempt.url === url && attempt.status === undefined)
      if (open !== undefined) open.status = Number.parseInt(field(line, 'response.status') ?? '', 10)
    }
  }
  return attempts
}

/** The value of one field of a line `time=… level=… msg="…" url="…"`. */
function field(line: string, name: string): string | undefined {
  const [, plain, quoted] = new RegExp(` ${name.replace('.', '\\.')}=(?:([^" ]\\S*)|"((?:[^"\\\\]|\\\\.)*)")`).exec(line) ?? []
  return plain ?? quoted?.replaceAll(/\\(.)/g, '$1')
}
