export { parseReference, type Reference, type Repository } from '../oci/reference.ts'
export type { Digest } from '../oci/digest.ts'
export { parseRegistries, type ParsedRegistries } from '../registries-yaml/read/parse-registries.ts'
export { readRegistries } from '../registries-yaml/read/read-registries.ts'
export type { Mirror, Position, Registries, RegistryAuth, RegistryConfig, RegistryTls } from '../registries-yaml/registries.ts'
export type { Path, ReadProblem, Remark } from '../registries-yaml/read/decode-yaml.ts'
export type { DefaultEndpoint, FoundConfig, HostEndpoint, HostEntry, HostTable, IgnoredEntry } from '../registries-yaml/hosts/host-table.ts'
export type { K3sFlags, Product } from '../registries-yaml/hosts/k3s-flags.ts'
export { lintRegistries, type LintOptions } from '../registries-yaml/lint/lint.ts'
export { fixRegistries, lintAndFix, type CertainFix, type FixedRegistries } from '../registries-yaml/fix/fix-registries.ts'
export type { Edit, TextEdit } from '../registries-yaml/fix/edit.ts'
export type { Discovery, Finding, Severity } from '../registries-yaml/lint/rule.ts'
export {
  createResolver,
  type ResolvedEndpoint,
  type ResolvedReference,
  type Resolver,
} from '../registries-yaml/resolve/resolve-reference.ts'
export type { RegistryCredentials, ResolvedCredentials } from '../registries-yaml/resolve/resolve-credentials.ts'
export type { RewrittenRepository } from '../registries-yaml/resolve/rewrite-repository.ts'
export { renderK3s, type K3sRenderOptions } from '../registries-yaml/render/k3s.ts'
export { renderContainerd, type ContainerdRenderOptions } from '../registries-yaml/render/containerd.ts'
export { renderLegacy } from '../registries-yaml/render/legacy.ts'
export type { NodeValues } from '../registries-yaml/render/node-values.ts'
export type { ConfigVersion, RenderedConfig, RenderOptions } from '../registries-yaml/render/rendered.ts'
export { generateRegistries, type GeneratedRegistries } from '../registries-yaml/generate/generate-registries.ts'
export type { GenerateOptions, MirroredImage } from '../registries-yaml/generate/options.ts'
export { parseVersion, type Build, type K3sVersion, type PreRelease, type Stage } from '../release/version.ts'
export type { TomlHost } from '../registries-yaml/resolve/read-hosts-toml.ts'
