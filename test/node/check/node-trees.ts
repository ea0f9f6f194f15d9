import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir, readdir, readFile, readlink, symlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { nodePaths, type K3sFlags } from '../../../src/registries-yaml/hosts/k3s-flags.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import { renderK3s } from '../../../src/registries-yaml/render/k3s.ts'
import type { ConfigVersion } from '../../../src/registries-yaml/render/rendered.ts'
import { tempDir, type TempDir } from '../../servers/temp-dir.ts'

/** Texts of files by their path on the node. */
export type NodeTexts = Readonly<Record<string, string | Uint8Array>>

/** A copy of the files of a node that is removed when disposed of. */
export interface NodeTree extends TempDir {
  /** Writes files; an undefined content is a directory. */
  add(files: NodeTexts): Promise<void>
  link(path: string, target: string): Promise<void>
  /** The path on this machine. */
  at(path: string): string
}

/** Passwords and tokens that no output may contain. */
export const plantedSecrets = [
  's3cr3t-passw0rd',
  'proxy-passw0rd',
  'node-t0ken-value',
  'old-passw0rd-9',
  'c2VjcmV0OmZpZWxk',
  'drop-in-passw0rd',
]

export const registriesYaml = `mirrors:
  docker.io:
    endpoint:
      - "https://registry.example.com:5000/v2"
    rewrite:
      "^rancher/(.*)$": "mirror/rancher/$1"
configs:
  "registry.example.com:5000":
    auth:
      username: node
      password: s3cr3t-passw0rd
`

/** How a healthy node differs from the usual one. */
export interface HealthyOptions {
  readonly registries?: string
  readonly config?: string
  readonly flags?: K3sFlags
  readonly version?: ConfigVersion
}

/** What K3s has written on a node with this registries.yaml, by path. */
export function writtenByK3s(text: string, flags: K3sFlags = {}, version: ConfigVersion = 3): NodeTexts {
  const { registries } = parseRegistries(text, 'registries.yaml')
  const { containerd } = nodePaths(flags)
  const { files } = renderK3s(registries, { version, flags, full: {} })
  return Object.fromEntries([...files].map(([path, content]) => [join(containerd, path), content]))
}

/** The files of a server that has started with its present configuration. */
export function healthyFiles({
  registries = registriesYaml,
  config = 'token: node-t0ken-value\n',
  flags = {},
  version = 3,
}: HealthyOptions = {}): NodeTexts {
  const product = flags.product ?? 'k3s'
  const unit = product === 'k3s' ? '/etc/systemd/system/k3s.service' : '/usr/local/lib/systemd/system/rke2-server.service'
  return {
    [`/etc/rancher/${product}/config.yaml`]: config,
    [`/etc/rancher/${product}/registries.yaml`]: registries,
    [unit]: `[Service]\nEnvironmentFile=-/etc/default/%N\nEnvironmentFile=-/etc/systemd/system/%N.service.env\nExecStart=/usr/local/bin/${product} \\\n    server \\\n`,
    ...writtenByK3s(registries, flags, version),
  }
}

/** Makes a directory with these files; all have the same old time. */
export async function nodeTree(files: NodeTexts = {}): Promise<NodeTree> {
  const directory = await tempDir()
  const at = (path: string): string => join(directory.path, path)
  const add = async (more: NodeTexts): Promise<void> => {
    for (const [path, content] of Object.entries(more)) {
      await mkdir(dirname(at(path)), { recursive: true })
      await writeFile(at(path), content, { mode: 0o600 })
      await utimes(at(path), 1_780_000_000, 1_780_000_000)
    }
  }
  await add(files)
  return {
    ...directory,
    at,
    add,
    link: async (path, target) => {
      await mkdir(dirname(at(path)), { recursive: true })
      await symlink(target, at(path))
    },
    [Symbol.asyncDispose]: async () => {
      await chmod(directory.path, 0o700)
      await directory[Symbol.asyncDispose]()
    },
  }
}

/** A digest of every path below a directory, with mode, time and content. */
export async function treeDigest(root: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of (await readdir(root, { recursive: true })).toSorted()) {
    const facts = await lstat(join(root, name))
    const content = facts.isFile() ? await readFile(join(root, name)) : facts.isSymbolicLink() ? await readlink(join(root, name)) : ''
    hash.update(`${name} ${facts.mode} ${facts.mtimeMs} ${facts.size}\n`).update(content)
  }
  return hash.digest('hex')
}
