import prettyBytes from 'pretty-bytes'
import { html, type Html } from './html.ts'
import type { Inventory, InventoryEntry } from './inventory.ts'
import { pagePolicy, scriptElement, styleElement } from './page-style.ts'
import type { Reply } from './reply.ts'

/** What the page says of the server itself. */
export interface PageFacts {
  /** Scheme and host as the reader addressed the server. */
  readonly origin: URL
  readonly isWritable: boolean
  readonly hasPasswords: boolean
  /** The name under which pushed images are filed in the layout. */
  readonly registry: string
  /** The releases and lists that the images are of, where that is known. */
  readonly lists: readonly string[]
  /** The registries.yaml for nodes, where there is one. */
  readonly nodeRegistries: string | undefined
}

function time(date: Date | undefined): Html {
  if (date === undefined) return html`<span class="note">unknown</span>`
  const iso = date.toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')}</time>`
}

function row({ repository, tag, digest, platforms, absent, size, isDamaged, storedAt }: InventoryEntry, { registry }: PageFacts): Html {
  const name = repository.registry === registry ? repository.path : `${repository.registry}/${repository.path}`
  const lacking = absent.length === 0 ? undefined : html` <span class="note">not here: ${absent.join(', ')}</span>`
  const damage = isDamaged ? html` <strong>damaged</strong>` : undefined
  return html`<tr>
    <th scope="row">${name}</th>
    <td>${tag}</td>
    <td><code title="${digest}" tabindex="0">${digest}</code></td>
    <td>${platforms.join(', ')}${lacking}${damage}</td>
    <td class="number">${prettyBytes(size)}</td>
    <td>${time(storedAt)}</td>
  </tr> `
}

function list({ entries }: Inventory, facts: PageFacts): Html {
  if (entries.length === 0) return html`<p>There are no images yet.</p>`
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
          </tr>
        </thead>
        <tbody>
          ${entries.map((entry) => row(entry, facts))}
        </tbody>
      </table>
    </div>
    ${scriptElement}`
}

function nodes({ nodeRegistries, hasPasswords, origin }: PageFacts): Html | undefined {
  if (nodeRegistries === undefined) return undefined
  const password = hasPasswords ? html` This registry asks for a password: fill in “auth”.` : undefined
  return html`<details>
    <summary>For nodes: registries.yaml</summary>
    <p>With this file nodes find the images at <code>${origin.origin}</code>, as you reach it.${password}</p>
    <pre tabindex="0">${nodeRegistries}</pre>
  </details>`
}

function total(name: string, value: string | number | Html): Html {
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`
}

/** The page at `/`: what is here, and how nodes get it. It needs nothing from anywhere else, and no script. */
export function renderPage(inventory: Inventory, facts: PageFacts): Reply {
  const { origin, isWritable, hasPasswords, lists } = facts
  const { entries, repositories, blobs, bytes, changedAt } = inventory
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
          <li>answers</li>
          <li>${isWritable ? 'writable' : 'read-only'}</li>
          <li>${origin.protocol === 'https:' ? 'HTTPS' : 'plain HTTP'}</li>
          <li>${hasPasswords ? 'password needed' : 'no password'}</li>
        </ul>
        <dl class="totals">
          ${total('repositories', repositories)}${total('tags', entries.length)}${total('blobs and manifests', blobs)}${total('all together', prettyBytes(bytes))}${total('last change (UTC)', time(changedAt))}
        </dl>
        ${lists.length === 0 ? undefined : html`<p>Images of ${lists.join(', ')}.</p>`} ${nodes(facts)}
        <h2>Images</h2>
        ${list(inventory, facts)}
      </body>
    </html> `
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': pagePolicy,
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  }
  return { status: 200, headers, body: page.text }
}
