import { inGroup, option, type CommandDefinition, type OptionGroup } from '../options/option.ts'
import { output, runFormats, runOutput } from '../options/output.ts'
import { credentials, sources } from '../options/places.ts'
import { references, selection } from '../options/selection.ts'
import { collect, collectList, parseSize } from '../options/values.ts'
import type { CreateFlags } from './bundle.ts'

/** `k3s-mirror kit`. */
export const kit: CommandDefinition = {
  description: 'carry all that installs K3s across an air gap',
  options: [],
  examples: ['kit create k3s.kit.tar.zst --release stable --arch amd64,arm64', 'kit check k3s.kit.tar.zst'],
}

/** What commander makes of the options of `kit create`. */
export interface KitCreateFlags extends Omit<CreateFlags, 'forImagesDir'> {
  readonly arch?: string[]
  readonly airgapTarballs?: boolean
  readonly selinux?: string[]
  readonly executables?: string
  readonly installScript?: string
}

const kitFiles: OptionGroup = inGroup('Kit', [
  option('--arch <arch>', 'architectures of the nodes: amd64, arm64, arm, s390x', collectList).default(undefined, 'amd64'),
  option('--airgap-tarballs', "add K3s' archives for the images directory"),
  option('--selinux <os>', 'add the k3s-selinux RPM: el8, el9, sle, a file or a URL', collect),
  option('--executables <path>', 'add k3s-mirror itself: a directory or an executable'),
  option('--install-script <source>', 'install.sh to add (file or URL)').default(undefined, "the release's own"),
  option('--since <kit>', 'leave out what an earlier kit or its lock file has'),
  option('--lock <file>', 'write a lock file for a later --since'),
  option('--split-size <size>', 'split into parts of this size, as in 4095M', parseSize),
])

/** Where images are read, with platforms that follow from the architectures. */
const ownSources: OptionGroup = [
  ...inGroup('Source', [option('--platform <os/arch>', 'platforms of the images', collectList).default(undefined, 'those of --arch')]),
  ...sources.filter(({ flag }) => flag !== '--platform'),
]

/** `k3s-mirror kit create`. */
export const kitCreate: CommandDefinition = {
  description: 'write images, K3s and its installer to one file',
  arguments: [['<file>', 'the kit: a .tar, .tar.zst or .tar.gz, which is a bundle too'], references],
  options: [...kitFiles, ...selection, ...ownSources, ...runFormats, ...runOutput],
  examples: [
    'kit create k3s.kit.tar.zst --release v1.37.1+k3s1',
    'kit create k3s.kit.tar.zst --release v1.36 --selinux el9',
    'kit create new.kit.tar.zst --release latest --since k3s.kit.tar.zst',
  ],
  sections: credentials,
}

/** `k3s-mirror kit info`. */
export const kitInfo: CommandDefinition = {
  description: 'list the files, images and platforms in a kit',
  arguments: [['<file>', 'a kit']],
  options: output,
  examples: ['kit info k3s.kit.tar.zst'],
}

/** `k3s-mirror kit check`. */
export const kitCheck: CommandDefinition = {
  description: 'compare every file and image of a kit with its checksums',
  arguments: [['<file>', 'a kit, or a part of one']],
  options: output,
  examples: ['kit check k3s.kit.tar.zst'],
  sections: [['Exit codes', '0 the kit is intact, 4 problems found, 2 invalid input']],
}
