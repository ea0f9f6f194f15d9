import { namedCommands, type CommandEntry, type NamedCommand } from './command-entry.ts'
import { completion, help, versionCommand } from './commands/about.ts'
import { bundle, bundleCheck, bundleCreate, bundleInfo, bundleLoad, bundlePush } from './commands/bundle.ts'
import { diffCommand } from './commands/diff.ts'
import { kitPush, kitServe } from './commands/kit-site.ts'
import { kit, kitCheck, kitCreate, kitInfo } from './commands/kit.ts'
import { layout, layoutGc } from './commands/layout.ts'
import { lockCommand } from './commands/lock.ts'
import { images, mirrorCommand, plan } from './commands/mirror.ts'
import { node, nodeCheck } from './commands/node.ts'
import { pruneCommand } from './commands/prune.ts'
import { registries, registriesGenerate, registriesLint, registriesRender, registriesResolve } from './commands/registries.ts'
import { reportGroup, reportMerge, reportShow } from './commands/report.ts'
import { serve } from './commands/serve.ts'
import { sync } from './commands/sync.ts'
import { verifyCommand } from './commands/verify.ts'

/** Every command, in the order of `--help`. */
export const commandTable: readonly CommandEntry[] = [
  {
    name: 'mirror',
    group: 'Images',
    definition: mirrorCommand,
    load: async () => (await import('./actions/mirror.ts')).runMirror,
  },
  { name: 'sync', group: 'Images', definition: sync, load: async () => (await import('./actions/sync.ts')).runSync },
  { name: 'plan', group: 'Images', definition: plan, load: async () => (await import('./actions/mirror.ts')).runPlan },
  {
    name: 'verify',
    group: 'Images',
    definition: verifyCommand,
    load: async () => (await import('./actions/verify.ts')).runVerify,
  },
  { name: 'prune', group: 'Images', definition: pruneCommand, load: async () => (await import('./actions/prune.ts')).runPrune },
  { name: 'diff', group: 'Images', definition: diffCommand, load: async () => (await import('./actions/diff.ts')).runDiff },
  { name: 'images', group: 'Images', definition: images, load: async () => (await import('./actions/mirror.ts')).runImageList },
  { name: 'lock', group: 'Images', definition: lockCommand, load: async () => (await import('./actions/lock.ts')).runLock },
  {
    name: 'report',
    group: 'Images',
    definition: reportGroup,
    commands: [
      { name: 'show', definition: reportShow, load: async () => (await import('./actions/report.ts')).runReportShow },
      { name: 'merge', definition: reportMerge, load: async () => (await import('./actions/report.ts')).runReportMerge },
    ],
  },
  {
    name: 'registries',
    group: 'Nodes',
    definition: registries,
    commands: [
      {
        name: 'lint',
        definition: registriesLint,
        load: async () => (await import('./actions/registries/lint.ts')).runLint,
      },
      {
        name: 'resolve',
        definition: registriesResolve,
        load: async () => (await import('./actions/registries/resolve.ts')).runResolve,
      },
      {
        name: 'render',
        definition: registriesRender,
        load: async () => (await import('./actions/registries/render.ts')).runRender,
      },
      {
        name: 'generate',
        definition: registriesGenerate,
        load: async () => (await import('./actions/registries/generate.ts')).runGenerate,
      },
    ],
  },
  {
    name: 'node',
    group: 'Nodes',
    definition: node,
    commands: [{ name: 'check', definition: nodeCheck, load: async () => (await import('./actions/node/check.ts')).runNodeCheck }],
  },
  {
    name: 'bundle',
    group: 'Air gap',
    definition: bundle,
    commands: [
      { name: 'create', definition: bundleCreate, load: async () => (await import('./actions/bundle.ts')).runBundleCreate },
      { name: 'info', definition: bundleInfo, load: async () => (await import('./actions/bundle.ts')).runBundleInfo },
      { name: 'check', definition: bundleCheck, load: async () => (await import('./actions/bundle.ts')).runBundleCheck },
      { name: 'push', definition: bundlePush, load: async () => (await import('./actions/bundle.ts')).runBundlePush },
      { name: 'load', definition: bundleLoad, load: async () => (await import('./actions/bundle.ts')).runBundleLoad },
    ],
  },
  {
    name: 'kit',
    group: 'Air gap',
    definition: kit,
    commands: [
      { name: 'create', definition: kitCreate, load: async () => (await import('./actions/kit.ts')).runKitCreate },
      { name: 'info', definition: kitInfo, load: async () => (await import('./actions/kit.ts')).runKitInfo },
      { name: 'check', definition: kitCheck, load: async () => (await import('./actions/kit.ts')).runKitCheck },
      { name: 'push', definition: kitPush, load: async () => (await import('./actions/kit-site.ts')).runKitPush },
      { name: 'serve', definition: kitServe, load: async () => (await import('./actions/kit-site.ts')).runKitServe },
    ],
  },
  {
    name: 'layout',
    group: 'Air gap',
    definition: layout,
    commands: [{ name: 'gc', definition: layoutGc, load: async () => (await import('./actions/layout.ts')).runLayoutGc }],
  },
  { name: 'serve', group: 'Air gap', definition: serve, load: async () => (await import('./actions/serve.ts')).runServe },
  {
    name: 'completion',
    group: 'Program',
    definition: completion,
    load: async () => {
      const { runCompletion } = await import('./actions/completion.ts')
      return (cli, _flags, shell: string) => runCompletion(cli, shell, commandTable)
    },
  },
  {
    name: 'version',
    group: 'Program',
    definition: versionCommand,
    load: async () => (await import('./actions/version.ts')).runVersion,
  },
  { name: 'help', group: 'Program', definition: help },
]

/** Every command and group with the words that name it, each group before its commands. */
export function allCommands(): readonly NamedCommand[] {
  return namedCommands(commandTable)
}
