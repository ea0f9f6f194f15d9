import { InvalidArgumentError, Option, type Command } from 'commander'
import type { SelectionOptions } from '../../release/select-images.ts'

/** What commander makes of the selection's options. */
export interface SelectionFlags {
  readonly release?: string[]
  readonly images?: string[]
  readonly include?: string[]
  readonly exclude?: string[]
  readonly name?: string
  readonly artifactUrl?: string
  readonly channelUrl?: string
  readonly listSha256?: string
}

/** Collects the values of an option that may be repeated. */
export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value]
}

/** Collects values that may also be separated by commas. */
export function collectList(value: string, previous: string[] = []): string[] {
  return [...previous, ...value.split(',').map((part) => part.trim())]
}

/** A whole number of at least `least`. */
export function wholeNumber(least: number): (value: string) => number {
  return (value) => {
    if (!/^[0-9]{1,9}$/.test(value) || Number(value) < least)
      throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`)
    return Number(value)
  }
}

/** Adds `--include` and `--exclude`. */
export function addFilters(command: Command): Command {
  return command
    .option('--include <glob>', 'only images whose registry/repository:tag matches; repeatable', collect)
    .option('--exclude <glob>', 'no images whose registry/repository:tag matches; wins over --include; repeatable', collect)
}

/** Adds `--name`, for archives and layouts of other tools. */
export function addName(command: Command): Command {
  return command.option('--name <repository[:tag]>', 'name images that have only a tag; with a tag also one without a name')
}

/** Adds the options that say which images are meant. */
export function addSelectionOptions(command: Command): Command {
  const lists = command
    .option('--release <tag or channel>', 'the images of a K3s release, as v1.37.1+k3s1, stable, latest or v1.36; repeatable', collect)
    .option(
      '--images <file, URL or ->',
      'a list of your own, one reference a line, # comments; - reads standard input; repeatable',
      collect,
    )
  return addFilters(lists)
    .addOption(
      new Option('--artifact-url <url>', 'where release files are; default: the downloads of K3s at GitHub').env(
        'INSTALL_K3S_ARTIFACT_URL',
      ),
    )
    .addOption(
      new Option('--channel-url <url>', 'where channels are; default: https://update.k3s.io/v1-release/channels').env(
        'INSTALL_K3S_CHANNEL_URL',
      ),
    )
    .option('--list-sha256 <hex>', 'refuse the list if it has another checksum')
}

/** Adds the options and the argument that say which images are meant. */
export function addSelection(command: Command): Command {
  return addSelectionOptions(command.argument('[reference...]', 'single images'))
}

/** The library's options for the flags. */
export function selectionOptions(references: readonly string[], flags: SelectionFlags): Omit<SelectionOptions, 'signal'> {
  return {
    releases: flags.release,
    images: flags.images,
    references,
    include: flags.include,
    exclude: flags.exclude,
    artifactUrl: flags.artifactUrl,
    channelUrl: flags.channelUrl,
    listSha256: flags.listSha256,
    stdin: process.stdin,
  }
}
