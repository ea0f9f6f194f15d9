import prettyBytes from 'pretty-bytes'
import { visibleText } from './html.ts'
import type { Inventory, InventoryEntry } from './inventory.ts'
import { nodeCommands } from './node-commands.ts'
import { nodePath, registriesPath, repositoryName, sourcesOf, statusOf, type PageFacts } from './page-facts.ts'
import type { Reply } from './reply.ts'

/** How much a client prefers a media type, from 0 to 1, by its Accept header: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1 */
function preference(accept: string, type: string): number {
  for (const range of accept.split(',')) {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    if (name !== type) continue
    const quality = parameters.find((parameter) => parameter.startsWith('q='))
    return quality === undefined ? 1 : Number(quality.slice(2)) || 0
  }
  return 0
}

/** True for a client that asks for HTML, as browsers do; curl and wget accept anything. */
export function prefersHtml(accept: string): boolean {
  const html = preference(accept, 'text/html')
  return html > 0 && html >= preference(accept, 'text/plain')
}

function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}

function platformsOf({ platforms, absent, isDamaged }: InventoryEntry): string {
  return [...platforms, ...absent.map((platform) => `(missing: ${platform})`), ...(isDamaged ? ['damaged'] : [])].join(', ')
}

function table(entries: readonly InventoryEntry[], facts: PageFacts): readonly string[] {
  const rows = [
    ['IMAGE', 'SIZE', 'DIGEST', 'PLATFORMS'],
    ...entries.map((entry) => [`${repositoryName(entry, facts)}:${entry.tag}`, prettyBytes(entry.size), entry.digest, platformsOf(entry)]),
  ]
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((cells) => (cells[column] ?? '').length)))
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function nodeLines({ files, nodeRegistries, nodeWarning, hasPasswords, origin }: PageFacts): readonly string[] {
  if (nodeRegistries === undefined) return []
  const credentials = hasPasswords ? ' --user <name>' : ''
  const download = ['Configure nodes:', `  curl --fail${credentials} -o ${nodePath} ${origin.origin}${registriesPath}`]
  const lines = [
    ...(files === undefined ? download : []),
    ...(hasPasswords ? ['This registry requires a password: fill in "auth" in the file.'] : []),
    ...(nodeWarning === undefined ? [] : [`Warning: ${nodeWarning}`]),
  ]
  return lines.length === 0 ? [] : ['', ...lines]
}

/** The commands of nodes as a script with comments. */
function installLines(facts: PageFacts): readonly string[] {
  return nodeCommands(facts).flatMap(({ title, note, lines }) => ['', `# ${title}`, ...(note === undefined ? [] : [`# ${note}`]), ...lines])
}

/** The page at `/` as text, for curl: the images, and how to configure nodes. */
export function renderTextPage(inventory: Inventory, facts: PageFacts): Reply {
  const { entries, repositories, bytes, changedAt } = inventory
  const sources = sourcesOf(inventory, facts)
  const changed = changedAt === undefined ? '' : `, last change ${changedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`
  const lines = [
    `Registry ${facts.origin.host}: ${statusOf(facts).join(', ')}`,
    `${plural(entries.length, 'image', 'images')} in ${plural(repositories, 'repository', 'repositories')}, ${prettyBytes(bytes)}${changed}`,
    ...(sources.length === 0 ? [] : [`Images of ${sources.join(', ')}`]),
    ...(entries.length === 0 ? [] : ['', ...table(entries, facts)]),
    ...nodeLines(facts),
    ...installLines(facts),
  ]
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', vary: 'accept' }
  return { status: 200, headers, body: `${visibleText(lines.join('\n'))}\n` }
}
