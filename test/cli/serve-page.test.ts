import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashSync } from 'bcryptjs'
import type { Page } from 'playwright-core'
import { openLayout } from '../../src/layout/open-layout.ts'
import { storeImage, tinyIndex } from '../layout/tiny-image.ts'
import { certificateAuthority } from '../servers/certificates.ts'
import { startChromium } from '../servers/chromium.ts'
import { requireServer } from '../servers/require-server.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { serve, stop } from './serve-cli.ts'

const names = [
  'klipper-lb:v0.4.17',
  'klipper-helm:v0.13.3',
  'mirrored-pause:3.10.2',
  'mirrored-coredns-coredns:1.14.7',
  'local-path-provisioner:v0.0.37',
]

/** Complaints of the page, of which a violation of its policy would be one. */
function complaintsOf(page: Page): readonly string[] {
  const complaints: string[] = []
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  return complaints
}

/** Throws unless each element has a box of some size inside the page's width. */
async function assertVisible(page: Page, selectors: readonly string[]): Promise<void> {
  const width = page.viewportSize()?.width ?? 0
  for (const selector of selectors) {
    const box = await page.locator(selector).first().boundingBox()
    assert.ok(box !== null && box.width > 10 && box.height > 10, `${selector} has no box`)
    assert.ok(box.x >= 0 && box.x + box.width <= width, `${selector} ends at ${box.x + box.width} of ${width}`)
  }
}

/** Width, height and number of different colours of a screenshot, as the browser itself reads it. */
async function readScreenshot(
  page: Page,
  png: Buffer,
): Promise<{ readonly width: number; readonly height: number; readonly colours: number }> {
  // A page of its own, because the policy of the other lets no image in.
  const reader = await page.context().newPage()
  const source = `(async () => {
    const image = new Image()
    image.src = 'data:image/png;base64,${png.toString('base64')}'
    await image.decode()
    const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d')
    canvas.drawImage(image, 0, 0)
    const pixels = new Uint32Array(canvas.getImageData(0, 0, image.width, image.height).data.buffer)
    return { width: image.width, height: image.height, colours: new Set(pixels).size }
  })()`
  const read = await reader.evaluate(source)
  await reader.close()
  return read as { readonly width: number; readonly height: number; readonly colours: number }
}

test('a browser shows the page with and without scripts, on a desktop and on a phone', async (t) => {
  if (!requireServer(t, 'chromium')) return
  await using directory = await tempDir()
  const layout = await openLayout(`${directory.path}/layout`, { durable: false })
  const image = tinyIndex(['amd64', 'arm64', 's390x'])
  for (const name of names) await storeImage(layout, `docker.io/rancher/${name}`, image)
  for (let at = 0; at < 95; at++) await storeImage(layout, `quay.io/site/image-${at}:v1`, image)
  await layout.close()
  const { certificate, key } = await (await certificateAuthority()).server()
  const running = await serve(
    `${directory.path}/layout`,
    `--tls-cert=${await directory.write('server.crt', certificate)}`,
    `--tls-key=${await directory.write('server.key', key)}`,
    `--htpasswd=${await directory.write('htpasswd', `ann:${hashSync('sesame', 4)}\n`)}`,
  )
  const browser = await startChromium()
  try {
    const settings = {
      ignoreHTTPSErrors: true,
      httpCredentials: { username: 'ann', password: 'sesame' },
      viewport: { width: 1280, height: 800 },
    }
    const page = await (await browser.newContext(settings)).newPage()
    const complaints = complaintsOf(page)
    assert.equal((await page.goto(running.url))?.status(), 200)
    assert.deepEqual(await page.locator('.status li').allInnerTexts(), ['running', 'read-only', 'HTTPS', 'password required'])
    await page.getByText('Show registries.yaml').click()
    const text = await page.locator('body').innerText()
    for (const name of names) assert.match(text, new RegExp(`docker\\.io/rancher/${name.replace(':', '\\s+')}\\s`))
    assert.match(text, /linux\/amd64, linux\/arm64, linux\/s390x/)
    assert.ok(text.includes(image.root.descriptor.digest))
    assert.equal(await page.locator('pre').getByText(`- ${running.url}`).count(), 1)
    await assertVisible(page, ['h1', '.status', '.totals', '.find input', 'thead th', 'tbody th', 'tbody code', 'tbody time', 'pre'])

    const screenshot = await page.screenshot()
    const { width, height, colours } = await readScreenshot(page, screenshot)
    assert.deepEqual([width, height], [1280, 800])
    assert.ok(colours > 20, `${colours} colours`)

    const rows = page.locator('tbody tr:visible')
    assert.equal(await rows.count(), 100)
    await page.getByRole('searchbox').fill('KLIPPER v0.4')
    assert.deepEqual([await rows.count(), await page.locator('output').innerText()], [1, '1 of 100'])

    await page.setViewportSize({ width: 375, height: 667 })
    await assertVisible(page, [
      'h1',
      '.status',
      '.totals',
      '.button',
      '.copy',
      '.find input',
      'tbody tr:visible th',
      'tbody tr:visible td',
      'pre',
    ])
    for (const element of ['document.documentElement', "document.querySelector('.scroll')"])
      assert.deepEqual(
        await page.evaluate(`[${element}.scrollWidth <= ${element}.clientWidth, ${element}.clientWidth <= 375]`),
        [true, true],
        element,
      )
    assert.deepEqual(complaints, [])

    const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Download registries.yaml').click()])
    assert.equal(download.suggestedFilename(), 'registries.yaml')

    const plain = await (await browser.newContext({ ...settings, javaScriptEnabled: false })).newPage()
    await plain.goto(running.url)
    assert.equal(await plain.locator('tbody tr:visible').count(), 100)
    assert.equal(await plain.locator('.find').isVisible(), false)
    assert.deepEqual([await plain.locator('.copy').isVisible(), await plain.locator('.button').isVisible()], [false, true])
  } finally {
    await browser.close()
    await stop(running)
  }
})

test('copies registries.yaml over plain HTTP, where a browser has no clipboard, and selects it where copying fails', async (t) => {
  if (!requireServer(t, 'chromium')) return
  await using directory = await tempDir()
  const layout = await openLayout(directory.path, { durable: false })
  await storeImage(layout, 'docker.io/rancher/pause:1', tinyIndex())
  await layout.close()
  const running = await serve(directory.path)
  const browser = await startChromium(['--host-resolver-rules=MAP registry.test 127.0.0.1'])
  try {
    const page = await (await browser.newContext({ viewport: { width: 375, height: 667 } })).newPage()
    const complaints = complaintsOf(page)
    await page.goto(running.url.replace('127.0.0.1', 'registry.test'))
    assert.equal(await page.evaluate('String(navigator.clipboard)'), 'undefined')
    await page.evaluate("document.addEventListener('copy', () => { window.copiedText = String(getSelection()) })")
    await page.getByRole('button', { name: 'Copy' }).click()
    await page.getByText('Copied', { exact: true }).waitFor()
    const yaml = (await page.locator('pre').textContent()) ?? ''
    assert.match(yaml, /- http:\/\/registry\.test:\d+/)
    assert.equal(String(await page.evaluate('copiedText')).trim(), yaml.trim())
    await page.evaluate('getSelection().removeAllRanges(); document.execCommand = () => false')
    await page.getByRole('button', { name: 'Copy' }).click()
    await page.getByText('Selected: press Ctrl+C to copy').waitFor()
    assert.equal(String(await page.evaluate('String(getSelection())')).trim(), yaml.trim())
    assert.deepEqual(complaints, [])
  } finally {
    await browser.close()
    await stop(running)
  }
})
