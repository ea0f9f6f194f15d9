import type { ServerResponse } from 'node:http'
import type { EngineImage, EnginePlatform, PulledEngineImage } from './engine-images.ts'

/** What can be asked of the Engine; `other` is answered with 404. */
export type EngineCall =
  | 'ping'
  | 'version'
  | 'info'
  | 'distribution'
  | 'pull'
  | 'inspect'
  | 'list'
  | 'tag'
  | 'push'
  | 'remove'
  | 'df'
  | 'other'

/** One request as it reached the Engine. */
export interface EngineRequest {
  readonly call: EngineCall
  readonly method: string
  /** Decoded, without the prefix of the version and without the query. */
  readonly path: string
  /** `1.41` of `/v1.41/…`. */
  readonly version: string | undefined
  readonly query: Readonly<Record<string, string>>
  /** The image's name in the path; empty if the path has no name. */
  readonly name: string
  /** The header X-Registry-Auth as it was sent: base64url of JSON. */
  readonly registryAuth: string | undefined
  readonly body: string
  /** Aborted when the client goes before it has the whole answer. */
  readonly signal: AbortSignal
}

/** Answers in the place of the Engine, or does something and lets it answer with `next`. */
export type EngineOverride = (request: EngineRequest, response: ServerResponse, next: () => void) => void | Promise<void>

/** What a pull asks a registry for. */
export interface EnginePull {
  /** As Docker shows it: `rancher/x:1`, `127.0.0.1:5000/x@sha256:…`. */
  readonly reference: string
  /** `linux/arm64`, as it was sent. */
  readonly platform: string | undefined
  readonly signal: AbortSignal
}

/** What a push hands to a registry. */
export interface EnginePush {
  readonly repository: string
  readonly tag: string
  /** As it was sent: JSON. */
  readonly platform: string | undefined
  readonly image: EngineImage
  readonly signal: AbortSignal
}

/** How the Engine answers; every part has a default. */
export interface EngineScript {
  /** Default 1.41. */
  readonly apiVersion?: string
  /** Default 1.12. */
  readonly minApiVersion?: string
  /** Where it keeps images, which shows in `/info` and in what a push reports; `podman` answers as Podman 4.3 does; default classic. */
  readonly store?: 'classic' | 'containerd' | 'podman'
  /** Added to the answer of `/info`. */
  readonly info?: Readonly<Record<string, unknown>>
  /** What `/distribution/{name}/json` knows, by reference; all others are 404. */
  readonly platforms?: Readonly<Record<string, readonly EnginePlatform[]>>
  /** Digests at the sources, by reference, for pulls and `/distribution`; made up for all others. */
  readonly digests?: Readonly<Record<string, string>>
  /** Images that are there before, by reference; what is missing is made up. */
  readonly images?: Readonly<Record<string, Partial<PulledEngineImage>>>
  /** Containers that use an image, by one of its references: their ids. */
  readonly containers?: Readonly<Record<string, string>>
  /** Gives what lies at the source, the rest of it made up; undefined is 404, an error is 500 with its message. */
  readonly onPull?: (pull: EnginePull) => Partial<PulledEngineImage> | undefined | Promise<Partial<PulledEngineImage> | undefined>
  /** Returns the digest at the destination, or generates one; an error's message is sent in the stream. */
  readonly onPush?: (push: EnginePush) => string | Promise<string>
  /** Answers of the test: a function for every call, a list for one call each, after which the Engine answers itself. */
  readonly overrides?: Partial<Readonly<Record<EngineCall, EngineOverride | readonly EngineOverride[]>>>
}
