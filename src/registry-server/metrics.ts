import type { Socket } from 'node:net'

/** The media type of Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
export const metricsType = 'text/plain; version=0.0.4; charset=utf-8'

const methods: ReadonlySet<string> = new Set(['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'])
/** Upper bounds in seconds: from a response out of memory to a large layer over a slow line. */
const bounds = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 300]

/** One family of metrics in the text format; `samples` are labels and a value, each after the name. */
export function metricFamily(name: string, type: 'counter' | 'gauge' | 'histogram', help: string, samples: readonly string[]): string {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map((sample) => `${name}${sample}`)].join('\n')
}

/** Collections of garbage since the start. */
export interface CollectionCounts {
  runs: number
  failures: number
  freedBytes: number
  /** Milliseconds since 1970; 0 before the first one. */
  lastRunAt: number
}

/** What a layout holds at one moment, and the version of the program. */
interface LayoutState {
  readonly uploads: number
  readonly repositories: number
  readonly tags: number
  readonly storedBytes: number
  readonly collections: CollectionCounts
  readonly version: string
}

/** Counts requests and bytes. No label value comes from a client, so clients cannot add series. */
export class Metrics {
  readonly #requests = new Map<string, number>()
  readonly #buckets = bounds.map(() => 0)
  readonly #traffic = new WeakMap<Socket, { received: number; sent: number }>()
  #count = 0
  #seconds = 0
  #received = 0
  #sent = 0

  /** Counts one answered request, and the bytes of its connection since the last one. */
  observe({ method, status, milliseconds }: { method: string; status: number; milliseconds: number }, socket: Socket): void {
    const labels = `method="${methods.has(method) ? method : 'other'}",status="${Math.floor(status / 100)}xx"`
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1)
    const seconds = milliseconds / 1000
    const at = bounds.findIndex((bound) => seconds <= bound)
    if (at !== -1) this.#buckets[at] = (this.#buckets[at] ?? 0) + 1
    this.#count++
    this.#seconds += seconds
    const before = this.#traffic.get(socket) ?? { received: 0, sent: 0 }
    const now = { received: socket.bytesRead, sent: socket.bytesWritten }
    this.#received += now.received - before.received
    this.#sent += now.sent - before.sent
    this.#traffic.set(socket, now)
  }

  /** Everything in Prometheus' text format, with the state of the layout at this moment. */
  render({ uploads, repositories, tags, storedBytes, collections, version }: LayoutState): string {
    let below = 0
    const buckets = bounds.map((bound, at) => `_bucket{le="${bound}"} ${(below += this.#buckets[at] ?? 0)}`)
    const requests = [...this.#requests].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([labels, count]) => `{${labels}} ${count}`)
    const families = [
      metricFamily('k3s_mirror_http_requests_total', 'counter', 'Requests answered.', requests),
      metricFamily('k3s_mirror_http_request_duration_seconds', 'histogram', 'Time from a request to the last byte of its response.', [
        ...buckets,
        `_bucket{le="+Inf"} ${this.#count}`,
        `_sum ${this.#seconds}`,
        `_count ${this.#count}`,
      ]),
      metricFamily('k3s_mirror_received_bytes_total', 'counter', 'Bytes received with requests, headers included.', [` ${this.#received}`]),
      metricFamily('k3s_mirror_sent_bytes_total', 'counter', 'Bytes sent with responses, headers included.', [` ${this.#sent}`]),
      metricFamily('k3s_mirror_uploads_open', 'gauge', 'Blob uploads in progress.', [` ${uploads}`]),
      metricFamily('k3s_mirror_repositories', 'gauge', 'Repositories of the layout.', [` ${repositories}`]),
      metricFamily('k3s_mirror_tags', 'gauge', 'Tags of the layout.', [` ${tags}`]),
      metricFamily('k3s_mirror_stored_bytes', 'gauge', 'Bytes of all blobs and manifests of the layout.', [` ${storedBytes}`]),
      metricFamily('k3s_mirror_gc_runs_total', 'counter', 'Finished collections of what no tag reaches.', [` ${collections.runs}`]),
      metricFamily('k3s_mirror_gc_failures_total', 'counter', 'Collections that failed.', [` ${collections.failures}`]),
      metricFamily('k3s_mirror_gc_freed_bytes_total', 'counter', 'Bytes that collections freed.', [` ${collections.freedBytes}`]),
      metricFamily(
        'k3s_mirror_gc_last_run_timestamp_seconds',
        'gauge',
        'End of the last finished collection, in seconds since 1970; 0 without one.',
        [` ${(collections.lastRunAt / 1000).toFixed(3)}`],
      ),
      metricFamily('k3s_mirror_build_info', 'gauge', 'Always 1; the version is a label.', [`{version="${version}"} 1`]),
      metricFamily('process_start_time_seconds', 'gauge', 'Start of the process, in seconds since 1970.', [
        ` ${(performance.timeOrigin / 1000).toFixed(3)}`,
      ]),
    ]
    return `${families.join('\n')}\n`
  }
}
