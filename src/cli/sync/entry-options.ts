import type { MirrorToManyOptions } from '../../runs/mirror-to-many.ts'
import type { DescribeOptions } from '../../runs/options.ts'
import { engineOptions, placeOptions, selectionOptions } from '../actions/library-options.ts'
import type { MirrorFlags } from '../commands/mirror.ts'
import type { SyncEntry } from './sync-config.ts'

/** Options of the command line for every entry, which replace those of the file. */
export interface EntryOverrides extends DescribeOptions {
  readonly artifactUrl?: string | undefined
  readonly channelUrl?: string | undefined
}

/** The flags of the `mirror` that does the same as an entry, without `--to`, and its arguments. */
function mirrorFlags(entry: SyncEntry, overrides: EntryOverrides): Omit<MirrorFlags, 'to'> {
  const { name: _name, to: _to, references: _references, releases, manifests, platforms, tokenHosts, storageHosts, ...same } = entry
  const { artifactUrl = entry.artifactUrl, channelUrl = entry.channelUrl } = overrides
  const named = {
    release: releases,
    manifest: manifests,
    platform: platforms,
    tokenHost: tokenHosts,
    storageHost: storageHosts,
    artifactUrl,
    channelUrl,
  }
  // Flags collect into arrays that are never changed.
  return JSON.parse(JSON.stringify({ ...same, ...named })) as Omit<MirrorFlags, 'to'>
}

/** The library's options for an entry: those of `k3s-mirror mirror` with the same options on its command line. */
export function entryOptions(entry: SyncEntry, overrides: EntryOverrides = {}): MirrorToManyOptions {
  const flags = mirrorFlags(entry, overrides)
  return {
    ...placeOptions({ ...flags, to: entry.to }),
    ...engineOptions(flags),
    ...selectionOptions(entry.references ?? [], flags),
    ...(overrides.describePresent === true && { describePresent: true }),
  }
}
