import prettyBytes from 'pretty-bytes'
import type { KitFile } from '../bundle/bundle-record.ts'
import { kitReleases } from '../kit/releases.ts'
import { html, type Html } from './html.ts'
import type { Inventory, InventoryEntry } from './inventory.ts'
import { nodeCommands, urlPath, type NodeCommand } from './node-commands.ts'
import { nodePath, registriesPath, repositoryName, sourcesOf, statusOf, type PageFacts } from './page-facts.ts'
import { pagePolicy, scriptElement, styleElement } from './page-style.ts'
import type { Reply } from './reply.ts'

function time(date: Date | undefined): Html {
  if (date === undefined) return html`<span class="note">unknown</span>`
  const iso = date.toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')}</time>`
}

function row(entry: InventoryEntry, facts: PageFacts, hasReleases: boolean): Html {
  const { tag, digest, platforms, absent, size, isDamaged, storedAt, releases } = entry
  const lacking = absent.length === 0 ? undefined : html` <span class="note">missing: ${absent.join(', ')}</span>`
  const damage = isDamaged ? html` <strong>damaged</strong>` : undefined
  return html`<tr>
    <th scope="row">${repositoryName(entry, facts)}</th>
    <td data-name="Tag">${tag}</td>
    <td data-name="Digest"><code title="${digest}" tabindex="0">${digest}</code></td>
    <td data-name="Platforms">${platforms.join(', ')}${lacking}${damage}</td>
    <td data-name="Size" class="number">${prettyBytes(size)}</td>
    <td data-name="Stored (UTC)">${time(storedAt)}</td>
    ${hasReleases ? html`<td data-name="Releases">${releases.join(', ')}</td>` : undefined}
  </tr> `
}

function list({ entries, releases }: Inventory, facts: PageFacts): Html {
  if (entries.length === 0) return html`<p>There are no images yet.</p>`
  const hasReleases = releases.size > 0
  return html`<p class="find" hidden>
      <label>Find <input type="search" autocomplete="off" /></label> <output></output>
    </p>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Repository</th>
            <th scope="col">Tag</th>
            <th scope="col">Digest</th>
            <th scope="col">Platforms</th>
            <th scope="col" class="number">Size</th>
            <th scope="col">Stored (UTC)</th>
            ${hasReleases ? html`<th scope="col">Releases</th>` : undefined}
          </tr>
        </thead>
        <tbody>
          ${entries.map((entry) => row(entry, facts, hasReleases))}
        </tbody>
      </table>
    </div>`
}

/** The button is shown where scripts run. */
const copyButton = html`<button type="button" class="copy" hidden>Copy</button> <span class="copied note" role="status"></span>`

function nodes({ nodeRegistries, nodeWarning, hasPasswords, origin }: PageFacts): Html | undefined {
  if (nodeRegistries === undefined) return undefined
  const password = hasPasswords ? html` Fill in <code>auth</code>: this registry requires a password.` : undefined
  return html`<section>
    <h2>Configure nodes</h2>
    <p>
      Save this file as <code>${nodePath}</code> on every node, then restart K3s. Nodes pull from <code>${origin.origin}</code>.${password}
    </p>
    ${nodeWarning === undefined ? undefined : html`<p><strong>Warning:</strong> ${nodeWarning}</p>`}
    <p><a class="button" href="${registriesPath}" download="registries.yaml">Download registries.yaml</a> ${copyButton}</p>
    <details>
      <summary>Show registries.yaml</summary>
      <pre tabindex="0">${nodeRegistries}</pre>
    </details>
  </section>`
}

function command({ title, note, lines }: NodeCommand): Html {
  return html`<section>
    <h3>${title}</h3>
    ${note === undefined ? undefined : html`<p class="note">${note}</p>`}
    <pre tabindex="0">${lines.join('\n')}</pre>
    <p>${copyButton}</p>
  </section>`
}

function install(facts: PageFacts): Html | undefined {
  const commands = nodeCommands(facts)
  if (commands.length === 0) return undefined
  return html`<h2>Install K3s ${kitReleases(facts.files ?? []).join(', ')}</h2>
    <p>Type these commands on the nodes, as root.</p>
    ${commands.map(command)}`
}

function fileList({ files = [] }: PageFacts): Html | undefined {
  if (files.length === 0) return undefined
  const row = ({ path, size, digest }: KitFile): Html =>
    html`<tr>
      <th scope="row"><a href="/${urlPath(path)}">${path}</a></th>
      <td data-name="Digest"><code title="${digest}" tabindex="0">${digest}</code></td>
      <td data-name="Size" class="number">${prettyBytes(size)}</td>
    </tr> `
  return html`<h2>Files</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Path</th>
            <th scope="col">Digest</th>
            <th scope="col" class="number">Size</th>
          </tr>
        </thead>
        <tbody>
          ${files.map(row)}
        </tbody>
      </table>
    </div>`
}

function total(name: string, value: string | number | Html): Html {
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`
}

/** The page at `/` for browsers: the images, and how to configure nodes. It loads nothing from other hosts and works without scripts. */
export function renderPage(inventory: Inventory, facts: PageFacts): Reply {
  const { origin } = facts
  const { entries, repositories, blobs, bytes, changedAt } = inventory
  const sources = sourcesOf(inventory, facts)
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Registry ${origin.host}</title>
        ${styleElement}
      </head>
      <body>
        <h1>Registry ${origin.host}</h1>
        <ul class="status">
          ${['running', ...statusOf(facts)].map((word) => html`<li>${word}</li> `)}
        </ul>
        <dl class="totals">
          ${total('repositories', repositories)}${total('tags', entries.length)}${total('blobs and manifests', blobs)}${total('total size', prettyBytes(bytes))}${total('last change (UTC)', time(changedAt))}
        </dl>
        ${sources.length === 0 ? undefined : html`<p>Images of ${sources.join(', ')}.</p>`} ${install(facts)} ${nodes(facts)}
        <h2>Images</h2>
        ${list(inventory, facts)} ${fileList(facts)} ${scriptElement}
      </body>
    </html> `
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': pagePolicy,
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    vary: 'accept',
  }
  return { status: 200, headers, body: page.text }
}
