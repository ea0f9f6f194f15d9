import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'

/** The part of a container that the tests look at: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container */
export interface PodContainer {
  readonly name: string
  readonly image: string
  readonly args: readonly string[]
  readonly env?: readonly { readonly name: string; readonly value: string }[]
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string; readonly optional?: boolean } }[]
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[]
  readonly securityContext: {
    readonly allowPrivilegeEscalation?: boolean
    readonly readOnlyRootFilesystem?: boolean
    readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] }
  }
  readonly resources: { readonly requests: object; readonly limits: { readonly memory?: string } }
  readonly [other: string]: unknown
}

/** A volume of a pod; each has one more key, which is its type. */
export interface PodVolume {
  readonly name: string
  readonly configMap?: { readonly name: string; readonly optional?: boolean }
  readonly secret?: {
    readonly secretName: string
    readonly optional?: boolean
    readonly items?: readonly { readonly key: string; readonly path: string }[]
  }
  readonly emptyDir?: object
}

/** What a pod template says of its pods. */
export interface PodSpec {
  readonly restartPolicy?: string
  readonly automountServiceAccountToken?: boolean
  readonly securityContext: {
    readonly runAsNonRoot?: boolean
    readonly runAsUser?: number
    readonly runAsGroup?: number
    readonly seccompProfile?: { readonly type: string }
  }
  readonly containers: readonly PodContainer[]
  readonly volumes: readonly PodVolume[]
  readonly [other: string]: unknown
}

/** The labels and the specification of the pods that a workload starts. */
export interface PodTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> }
  readonly spec: PodSpec
}

/** An object of the Kubernetes API. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> }
  readonly data?: Readonly<Record<string, string>>
  readonly spec?: {
    readonly template?: PodTemplate
    readonly jobTemplate?: { readonly spec: { readonly template: PodTemplate } }
    readonly [other: string]: unknown
  }
}

const base = fileURLToPath(new URL('../../deploy/kubernetes', import.meta.url))

/** The kustomizations of `deploy/kubernetes`, by their directory in it; the first includes those that are not named here. */
export const kustomizations = ['.', 'mirror', 'shards', 'watch'] as const

/** Renders one of the kustomizations, or another directory by its absolute path, as `kubectl apply --kustomize` would send it; needs `requireServer(t, 'kubectl')`. */
export async function renderKustomization(directory: (typeof kustomizations)[number] | `/${string}`): Promise<readonly KubernetesObject[]> {
  const path = directory.startsWith('/') ? directory : `${base}/${directory}`
  const { stdout, stderr } = await promisify(execFile)('kubectl', ['kustomize', path])
  // it names deprecated fields there
  if (stderr !== '') throw new Error(stderr)
  return parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject)
}

/** The template of the pods that an object starts; undefined where it starts none. */
export function podTemplateOf({ spec }: KubernetesObject): PodTemplate | undefined {
  return spec?.template ?? spec?.jobTemplate?.spec.template
}

/** The object of a kind, of which there is exactly one. */
export function onlyObject(objects: readonly KubernetesObject[], kind: string): KubernetesObject {
  const [object, ...others] = objects.filter((one) => one.kind === kind)
  if (object === undefined || others.length > 0) throw new Error(`there is not exactly one ${kind}`)
  return object
}
