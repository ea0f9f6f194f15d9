import { mkdir, writeFile } from 'node:fs/promises'
import type { KubernetesObject, PodContainer, PodSpec, PodVolume } from './kubernetes-objects.ts'

/** What the kubelet adds to a pod template. */
export interface PodSetting {
  /** A directory for the files of volumes. */
  readonly directory: string
  /** The objects that were rendered with the template: its ConfigMaps. */
  readonly objects: readonly KubernetesObject[]
  /** Added to the variables of the container. */
  readonly env: Readonly<Record<string, string>>
  /** Data of Secrets, by their names. */
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

interface VolumeContent {
  readonly files: Readonly<Record<string, string>>
}

function mapData(name: string, optional: boolean | undefined, { objects }: PodSetting): Readonly<Record<string, string>> {
  const map = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name)
  if (map === undefined && optional !== true) throw new Error(`there is no ConfigMap ${name}`)
  return map?.data ?? {}
}

/** The files of a volume; undefined for an emptyDir. */
function contentOf({ configMap, secret }: PodVolume, setting: PodSetting): VolumeContent | undefined {
  if (configMap !== undefined) return { files: mapData(configMap.name, configMap.optional, setting) }
  if (secret === undefined) return undefined
  const data = setting.secrets?.[secret.secretName]
  if (data === undefined && secret.optional !== true) throw new Error(`there is no Secret ${secret.secretName}`)
  const items = secret.items ?? Object.keys(data ?? {}).map((key) => ({ key, path: key }))
  return { files: Object.fromEntries(items.flatMap(({ key, path }) => (data?.[key] === undefined ? [] : [[path, data[key]]]))) }
}

async function mountArgs({ volumeMounts }: PodContainer, volumes: readonly PodVolume[], setting: PodSetting): Promise<readonly string[]> {
  const args: string[] = []
  for (const { name, mountPath, readOnly } of volumeMounts) {
    const volume = volumes.find((one) => one.name === name)
    const content = volume && contentOf(volume, setting)
    if (content === undefined) {
      args.push('--tmpfs', mountPath)
      continue
    }
    const path = `${setting.directory}/${name}`
    await mkdir(path, { recursive: true })
    for (const [file, text] of Object.entries(content.files)) await writeFile(`${path}/${file}`, text)
    args.push('--volume', `${path}:${mountPath}${readOnly === true ? ':ro' : ''}`)
  }
  return args
}

/** The arguments of `docker run` for the only container of a pod: its image, arguments, environment, volumes, limits and security context, on the network of the host. */
export async function dockerRunArgs(
  { securityContext: pod, containers, volumes }: PodSpec,
  setting: PodSetting,
): Promise<readonly string[]> {
  const [container, ...others] = containers
  if (container === undefined || others.length > 0) throw new Error('the pod does not have exactly one container')
  const { securityContext: own, env = [], envFrom = [], resources } = container
  const variables = {
    ...Object.fromEntries(envFrom.flatMap(({ configMapRef: { name, optional } }) => Object.entries(mapData(name, optional, setting)))),
    ...Object.fromEntries(env.map(({ name, value }) => [name, value])),
    ...setting.env,
  }
  return [
    '--network=host',
    ...(own.readOnlyRootFilesystem === true ? ['--read-only'] : []),
    ...(own.allowPrivilegeEscalation === false ? ['--security-opt=no-new-privileges'] : []),
    ...(own.capabilities?.drop ?? []).map((name) => `--cap-drop=${name}`),
    ...(pod.runAsUser === undefined ? [] : [`--user=${pod.runAsUser}:${pod.runAsGroup ?? 0}`]),
    ...(resources.limits.memory === undefined ? [] : [`--memory=${resources.limits.memory.replace(/i$/, '')}`]),
    ...Object.entries(variables).map(([name, value]) => `--env=${name}=${value}`),
    ...(await mountArgs(container, volumes, setting)),
    container.image,
    ...container.args,
  ]
}
