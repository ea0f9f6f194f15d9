import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { describe, it, type TestContext } from 'node:test'
import * as apps from 'kubernetes-models/apps/v1'
import * as batch from 'kubernetes-models/batch/v1'
import * as networking from 'kubernetes-models/networking.k8s.io/v1'
import * as core from 'kubernetes-models/v1'
import {
  kustomizations,
  podTemplateOf,
  renderKustomization,
  type KubernetesObject,
  type PodTemplate,
} from './servers/kubernetes-objects.ts'
import { requireServer } from './servers/require-server.ts'
import { scriptedServer } from './servers/scripted-server.ts'
import { tempDir } from './servers/temp-dir.ts'

interface Model {
  validate(): void
}

const models: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  v1: core,
  'apps/v1': apps,
  'batch/v1': batch,
  'networking.k8s.io/v1': networking,
}

/** A view of a document that records which of its values are read. */
function recorded(value: unknown, path: string, read: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value
  return new Proxy(value, {
    get(target, key) {
      const child: unknown = Reflect.get(target, key)
      if (typeof key !== 'string') return child
      read.add(`${path}.${key}`)
      return recorded(child, `${path}.${key}`, read)
    },
  })
}

function pathsOf(value: unknown, path: string): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, child]) => [`${path}.${key}`, ...pathsOf(child, `${path}.${key}`)])
}

/** Throws what the API's schema does not allow; the validator skips unknown fields, so those that it does not read are found here. */
function validate(object: KubernetesObject): void {
  const model = models[object.apiVersion]?.[object.kind] as { readonly prototype: Model } | undefined
  assert.ok(model, `${object.apiVersion} ${object.kind} is unknown`)
  const read = new Set<string>()
  model.prototype.validate.call(recorded(object, object.kind, read))
  const known = new Set(['apiVersion', 'kind'].map((key) => `${object.kind}.${key}`))
  const unknown = pathsOf(object, object.kind).filter((path) => !read.has(path) && !known.has(path))
  assert.deepEqual(unknown, [], 'unknown fields')
}

/** Every rule of https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted that a manifest can break, those of baseline included. */
const restricted: readonly (readonly [rule: string, holds: (template: PodTemplate) => boolean])[] = [
  ['host namespaces', ({ spec }) => ['hostNetwork', 'hostPID', 'hostIPC'].every((key) => spec[key] === undefined)],
  ['host ports', ({ spec }) => spec.containers.every(({ ports = [] }) => ports.every((port) => !('hostPort' in port)))],
  ['host in probes', ({ spec }) => !/"host":/.test(JSON.stringify(spec.containers))],
  [
    'volume types',
    ({ spec }) =>
      spec.volumes.every(
        (volume) =>
          Object.keys(volume).filter((key) => !['name', 'configMap', 'secret', 'emptyDir', 'persistentVolumeClaim'].includes(key))
            .length === 0,
      ),
  ],
  ['privileged', ({ spec }) => spec.containers.every(({ securityContext }) => !('privileged' in securityContext))],
  [
    'other contexts',
    ({ spec }) => !/"(?:procMount|seLinuxOptions|appArmorProfile|sysctls|windowsOptions|supplementalGroups)":/.test(JSON.stringify(spec)),
  ],
  ['privilege escalation', ({ spec }) => spec.containers.every((one) => one.securityContext.allowPrivilegeEscalation === false)],
  ['non-root', ({ spec }) => spec.securityContext.runAsNonRoot === true && (spec.securityContext.runAsUser ?? 0) > 0],
  ['seccomp', ({ spec }) => spec.securityContext.seccompProfile?.type === 'RuntimeDefault'],
  [
    'capabilities',
    ({ spec }) => spec.containers.every(({ securityContext: { capabilities } }) => JSON.stringify(capabilities) === '{"drop":["ALL"]}'),
  ],
]

/** The kustomizations that docs/kubernetes.md shows, each in a directory next to the bases. */
async function renderDocumented(): Promise<readonly (readonly [string, readonly KubernetesObject[]])[]> {
  const page = await readFile(new URL('../docs/kubernetes.md', import.meta.url), 'utf8')
  const blocks = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].flatMap(([, text = '']) =>
    text.includes('kind: Kustomization') ? [text] : [],
  )
  await using directory = await tempDir()
  await cp(new URL('../deploy/kubernetes', import.meta.url), `${directory.path}/kubernetes`, { recursive: true })
  return await Promise.all(
    blocks.map(async (text, index) => {
      const site = `${directory.path}/site-${index}`
      await mkdir(site)
      const files = {
        'kustomization.yaml': text,
        'sync.yaml': 'schemaVersion: 1\n',
        'list.txt': 'docker.io/library/alpine:3\n',
        'site.crt': 'certificate\n',
        'config.json': '{"auths":{}}\n',
        'network-policy.yaml': /^```yaml\n(apiVersion: networking.*?)^```$/ms.exec(page)?.[1] ?? '',
      }
      for (const [name, content] of Object.entries(files)) await writeFile(`${site}/${name}`, content)
      return [`docs block ${index + 1}`, await renderKustomization(`/${site.slice(1)}`)] as const
    }),
  )
}

let once: Promise<ReadonlyMap<string, readonly KubernetesObject[]>> | undefined

/** The objects of each kustomization, and of those in the documentation; none where kubectl is missing. */
async function rendered(t: TestContext): Promise<ReadonlyMap<string, readonly KubernetesObject[]>> {
  if (!requireServer(t, 'kubectl')) return new Map()
  once ??= Promise.all([
    Promise.all(kustomizations.map(async (name) => [name, await renderKustomization(name)] as const)),
    renderDocumented(),
  ]).then((all) => new Map(all.flat()))
  return once
}

/** `[path, template]` of every pod template. */
const templates = (all: ReadonlyMap<string, readonly KubernetesObject[]>): readonly (readonly [string, PodTemplate])[] =>
  [...all].flatMap(([path, objects]) =>
    objects.flatMap((object) => {
      const template = podTemplateOf(object)
      return template === undefined ? [] : [[`${path} ${object.kind}`, template] as const]
    }),
  )

describe('deploy/kubernetes', () => {
  it('matches the schemas of the API, without unknown fields', async (t) => {
    const all = await rendered(t)
    for (const objects of all.values()) for (const object of objects) validate(object)
    const job = all.get('mirror')?.find(({ kind }) => kind === 'Job')
    if (job === undefined) return
    assert.throws(() => validate({ ...job, spec: { ...job.spec, backoffLimits: 1 } }), /Job\.spec\.backoffLimits/)
    assert.throws(() => validate({ ...job, spec: { ...job.spec, backoffLimit: '1' } }), /backoffLimit.*integer/s)
  })

  it('is what kubectl would create', async (t) => {
    const all = await rendered(t)
    const objects = [...all.values()].flat()
    if (objects.length === 0) return
    const groups = [...new Set(objects.map(({ apiVersion }) => apiVersion))]
    const resources = (apiVersion: string): object => ({
      kind: 'APIResourceList',
      groupVersion: apiVersion,
      resources: [...new Set(objects.filter((one) => one.apiVersion === apiVersion).map(({ kind }) => kind))].map((kind) => ({
        name: `${kind.toLowerCase()}s`,
        kind,
        namespaced: kind !== 'Namespace',
        verbs: ['create'],
      })),
    })
    // kubectl asks an API server for the kinds that exist: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
    await using server = await scriptedServer(({ url }, response) => {
      const path = url.replace(/\?.*$/, '')
      const apiVersion = groups.find((group) => path === `${group === 'v1' ? '/api' : '/apis'}/${group}`)
      const versions = groups
        .filter((group) => group !== 'v1')
        .map((group) => ({ groupVersion: group, version: group.replace(/.*\//, '') }))
      const document = {
        '/api': { kind: 'APIVersions', versions: ['v1'] },
        '/apis': {
          kind: 'APIGroupList',
          apiVersion: 'v1',
          groups: versions.map((version) => ({
            name: version.groupVersion.replace(/\/.*/, ''),
            versions: [version],
            preferredVersion: version,
          })),
        },
        ...(apiVersion !== undefined && { [path]: resources(apiVersion) }),
      }[path]
      response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(document ?? {}))
    })
    await using cache = await tempDir()
    const args = [
      '--server',
      server.url,
      '--kubeconfig',
      '/dev/null',
      '--cache-dir',
      cache.path,
      'create',
      '--dry-run=client',
      '--validate=false',
      '--output=name',
    ]
    const kubectl = spawn('kubectl', [...args, '--filename=-'], { stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: process.env['PATH'] } })
    kubectl.stdin.end(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
    const named = objects.map(({ apiVersion, kind, metadata }) => {
      const group = apiVersion === 'v1' ? '' : `.${apiVersion.replace(/\/.*/, '')}`
      return `${kind.toLowerCase()}${group}/${metadata.name}`
    })
    assert.deepEqual((await text(kubectl.stdout)).trim().split('\n'), named)
  })

  it('meets the restricted pod security standard, and is confined beyond it', async (t) => {
    const all = await rendered(t)
    for (const [name, template] of templates(all)) {
      for (const [rule, holds] of restricted) assert.ok(holds(template), `${name}: ${rule}`)
      const { automountServiceAccountToken, containers } = template.spec
      assert.equal(automountServiceAccountToken, false, name)
      for (const { securityContext, resources, volumeMounts } of containers) {
        assert.equal(securityContext.readOnlyRootFilesystem, true, name)
        assert.ok(resources.limits.memory !== undefined && Object.keys(resources.requests).length === 2, name)
        assert.ok(
          volumeMounts.every(({ mountPath, readOnly }) => readOnly === true || ['/tmp', '/var/lib/k3s-mirror'].includes(mountPath)),
          name,
        )
      }
    }
    const namespace = all.get('.')?.find(({ kind }) => kind === 'Namespace')
    if (namespace) assert.equal(namespace.metadata.labels?.['pod-security.kubernetes.io/enforce'], 'restricted')
  })

  it('names only volumes, ConfigMaps, ports and pods that exist', async (t) => {
    for (const [name, objects] of await rendered(t)) {
      const pods = JSON.stringify(objects.map(podTemplateOf))
      for (const { kind, metadata } of objects)
        if (kind === 'ConfigMap' || kind === 'Secret') assert.ok(pods.includes(`"${metadata.name}"`), `${name}: ${metadata.name}`)
      const generated = new Set(objects.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name))
      for (const object of objects) {
        assert.equal(object.metadata.namespace, object.kind === 'Namespace' ? undefined : 'k3s-mirror')
        const template = podTemplateOf(object)
        if (template === undefined) continue
        const [container] = template.spec.containers
        assert.ok(container)
        const claims = (object.spec?.['volumeClaimTemplates'] ?? []) as readonly { readonly metadata: { readonly name: string } }[]
        const volumes = [...template.spec.volumes.map((volume) => volume.name), ...claims.map(({ metadata }) => metadata.name)]
        assert.deepEqual(container.volumeMounts.map((mount) => mount.name).toSorted(), volumes.toSorted(), name)
        const maps = [
          ...template.spec.volumes.map(({ configMap }) => configMap),
          ...(container.envFrom ?? []).map((one) => one.configMapRef),
        ]
        for (const map of maps) if (map !== undefined && map.optional !== true) assert.ok(generated.has(map.name), map.name)
        const { labels } = template.metadata
        const selector = object.spec?.['selector'] as { readonly matchLabels: object } | undefined
        if (selector) assert.deepEqual(selector.matchLabels, labels)
        const service = objects.find(({ kind }) => kind === 'Service')
        if (service && object.kind === 'StatefulSet') assert.deepEqual(service.spec?.['selector'], labels)
        for (const port of JSON.stringify(container).matchAll(/"(?:port|targetPort)":"([a-z]+)"/g))
          assert.equal(container.ports?.[0]?.name, port[1])
      }
    }
  })

  it('divides a list by the number of completions, in the documentation too', async (t) => {
    const jobs = [...(await rendered(t)).values()].flat().filter(({ spec }) => spec?.['completionMode'] === 'Indexed')
    const numbers = jobs.map((job) => {
      const { completions, parallelism } = job.spec ?? {}
      const shard = podTemplateOf(job)?.spec.containers[0]?.env?.find(({ name }) => name === 'K3S_MIRROR_SHARD')?.value
      assert.equal(shard, `auto/${String(completions)}`)
      return [completions, parallelism]
    })
    if (jobs.length > 0)
      assert.deepEqual(numbers, [
        [4, 4],
        [16, 8],
      ])
  })

  it('has another image, and what it is to copy, where the documentation changes them', async (t) => {
    for (const [name, objects] of await rendered(t)) {
      const isDocumented = name.startsWith('docs')
      const images = objects.flatMap((object) => podTemplateOf(object)?.spec.containers.map(({ image }) => image) ?? [])
      const expected = isDocumented ? 'registry.example.com/tools/k3s-mirror:0.1.0' : 'k3s-mirror'
      assert.deepEqual(new Set(images), new Set([expected]), name)
      const copied = objects.filter(({ kind }) => kind === 'ConfigMap').flatMap(({ data = {} }) => Object.entries(data))
      for (const [key, value] of copied) if (isDocumented && key === 'K3S_MIRROR_RELEASE') assert.equal(value, 'v1.37.1+k3s1')
    }
  })
})
