import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import { manifestImages } from '../../src/kubernetes/manifest-images.ts'
import { formatReference } from '../../src/oci/reference.ts'

const namesIn = (text: string): readonly string[] =>
  manifestImages(text, 'm.yaml').images.map(({ reference }) => formatReference(reference))
const distinct = (text: string): readonly string[] => [...new Set(namesIn(text))]
const object = (kind: string, spec: string): string => `apiVersion: v1\nkind: ${kind}\nspec:\n${spec}`
const pod = (image: string): string => object('Pod', `  containers:\n  - name: a\n    image: ${image}\n`)
const refused = (text: string, message: RegExp | string, code = 'INVALID_LIST'): void =>
  assert.throws(() => manifestImages(text, 'm.yaml'), { code, message })

test('the controller of upgrades is named by its Deployment, kubectl by a ConfigMap', async () => {
  const text = await readFile(new URL('../../fixtures/kubernetes/system-upgrade-controller.yaml', import.meta.url), 'utf8')
  const { images, warnings } = manifestImages(text, 'system-upgrade-controller.yaml')
  assert.deepEqual(
    images.map(({ reference, line }) => [formatReference(reference), line]),
    [
      ['docker.io/rancher/kubectl:v1.30.3', 26],
      ['docker.io/rancher/system-upgrade-controller:v0.14.0', 89],
    ],
  )
  assert.deepEqual(warnings, [])
})

test('containers of every kind, image volumes and variables are found in all documents, in JSON too', () => {
  const template =
    '{ "spec": { "initContainers": [{ "image": "a:1" }], "ephemeralContainers": [{ "image": "b:1" }], "volumes": [{ "image": { "reference": "c:1" } }] } }'
  const job = `{ "apiVersion": "batch/v1", "kind": "CronJob", "spec": { "jobTemplate": { "spec": { "template": ${template} } } } }`
  const list = `{ "apiVersion": "v1", "kind": "List", "items": [${job}] }`
  const variable = object(
    'Pod',
    '  containers:\n  - env: [{name: SYSTEM_UPGRADE_JOB_KUBECTL_IMAGE, value: "d:1"}, {name: OTHER, value: "x:1"}]\n',
  )
  const names = namesIn(`# comment\n---\n${list}\n---\n${variable}---\n${pod('e@sha256:' + '0'.repeat(64))}`)
  assert.deepEqual(names, [
    'docker.io/library/a:1',
    'docker.io/library/b:1',
    'docker.io/library/c:1',
    'docker.io/library/d:1',
    `docker.io/library/e@sha256:${'0'.repeat(64)}`,
  ])
})

test('a Plan without a tag takes that of its version or leaves its channel to be asked', () => {
  const plan = (spec: string): string =>
    `apiVersion: upgrade.cattle.io/v1\nkind: Plan\nspec:\n  upgrade: {image: rancher/k3s-upgrade}\n${spec}`
  const [first, second] = [
    plan('  version: v1.37.1+k3s1\n  prepare: {image: "rancher/k3s-upgrade:v1.36.3-k3s1"}\n'),
    plan('  channel: https://c/stable\n'),
  ]
  assert.deepEqual(namesIn(first), ['docker.io/rancher/k3s-upgrade:v1.37.1-k3s1', 'docker.io/rancher/k3s-upgrade:v1.36.3-k3s1'])
  assert.deepEqual(
    manifestImages(second, 'm.yaml').images.map(({ channel }) => channel),
    ['https://c/stable'],
  )
  const { images, warnings } = manifestImages(plan(''), 'm.yaml')
  assert.deepEqual([images, warnings], [[], ['m.yaml:4: "rancher/k3s-upgrade" is not added: its Plan has neither a version nor a channel']])
  refused(plan('  version: "a b"\n'), 'm.yaml:4: the version of the Plan is not an image tag')
})

test('images of other resources are added with a tag or a digest, and reported without', () => {
  assert.deepEqual(namesIn(object('Prometheus', '  image: quay.io/prometheus/prometheus:v3\n')), ['quay.io/prometheus/prometheus:v3'])
  assert.deepEqual(namesIn(object('HelmChart', '  jobImage: rancher/klipper-helm:v1\n')), ['docker.io/rancher/klipper-helm:v1'])
  const { images, warnings } = manifestImages(
    object('Site', '  image: acme/site\n  other: {image: ubuntu}\n  url: {image: "https://h/disk.img"}\n'),
    'm.yaml',
  )
  assert.deepEqual([images, warnings], [[], ['m.yaml:4: "acme/site" is not added: it has no tag, and is not of a pod (kind Site)']])
  assert.deepEqual(namesIn(`${object('CustomResourceDefinition', '  default: {containers: [{image: "x:1"}]}\n')}---\n${pod('')}`), [])
})

test('anchors, aliases and merged mappings lead to their images', () => {
  const text = `x: &base\n  image: a:1\nkind: Pod\napiVersion: v1\nspec:\n  containers:\n  - <<: *base\n  - {<<: [*base], image: "b:1"}\n  - image: &c c:1\n  initContainers:\n  - image: *c\n`
  assert.deepEqual(distinct(text), ['docker.io/library/a:1', 'docker.io/library/b:1', 'docker.io/library/c:1'])
})

test('templates, wrong types, invalid references and invalid YAML are refused with their line', () => {
  for (const image of ['{{ .Values.image }}', '"{{ .Values.image }}:1"', 'rancher/${APP}:1', '<image>'])
    refused(pod(image), /^m\.yaml:6: the image .*is a template$/)
  refused(pod('12'), 'm.yaml:6: the image is not a string')
  refused(pod('[a]'), 'm.yaml:6: the image is not a string')
  refused(pod('docker.io/Acme/x:1'), /^m\.yaml:6: invalid image reference "docker.io\/Acme\/x:1"/, 'INVALID_REFERENCE')
  refused(pod('*unknown'), /^m\.yaml:6: invalid YAML/)
  refused(`${pod('a:1')}---\nkey: "canary\n`, /^m\.yaml:\d+: invalid YAML: (?!.*canary)/)
  refused('alpine:3.20\nbusybox:1\n', 'm.yaml: this is not a Kubernetes manifest: no object has apiVersion and kind')
  refused('', /not a Kubernetes manifest/)
})

test('aliases that expand to gigabytes and deep nesting end early', () => {
  const keys = 'abcdefghijklmnopqrst'.split('')
  const previous = (index: number): string => `*${keys[index - 1] ?? 'a'}`
  const lists = keys.slice(1).map(
    (key, index) =>
      `${key}: &${key} [${Array<string>(10)
        .fill(previous(index + 1))
        .join(', ')}]`,
  )
  assert.deepEqual(distinct(`a: &a [{image: "x:1"}]\n${lists.join('\n')}\n${pod('y:1')}`), [
    'docker.io/library/x:1',
    'docker.io/library/y:1',
  ])
  const merged = keys.slice(1).map((key, index) => `${key}: &${key} {<<: [${previous(index + 1)}, ${previous(index + 1)}]}`)
  assert.deepEqual(namesIn(`a: &a {b: 1}\n${merged.join('\n')}\n${pod('y:1')}`), ['docker.io/library/y:1'])
  refused(`${pod('a:1')}x: ${'['.repeat(100_000)}`, /nested too deeply/)
  refused(`${pod('a:1')}x:\n${Array.from({ length: 2000 }, (_, depth) => `${' '.repeat(depth + 1)}a:\n`).join('')}`, /invalid YAML/)
  const wide = Array.from({ length: 3000 }, (_, index) => `k${index}: 1`).join(', ')
  refused(
    `x: &x {${wide}}\n${Array.from({ length: 3000 }, (_, index) => `m${index}: {<<: *x}\n`).join('')}${pod('a:1')}`,
    /aliases expand to an excessive size/,
  )
})

test('any text gives images or an error of ours', () => {
  const token = fc.constantFrom(
    'apiVersion: v1\n',
    'kind: Pod\n',
    '---\n',
    'containers:\n',
    '- image: a:1\n',
    '  ',
    '*a',
    '&a ',
    '<<: ',
    '{',
    '}',
    '[',
    ']',
    'image',
    ': ',
    '"',
    '\n',
    'x',
  )
  fc.assert(
    fc.property(fc.array(token, { maxLength: 30 }), (tokens) => {
      try {
        manifestImages(tokens.join(''), 'm.yaml')
      } catch (error) {
        assert.ok(isMirrorError(error), String(error))
      }
    }),
  )
})
