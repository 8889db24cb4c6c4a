/**
 * The icons of the installed page, drawn of node/browser/pages/icon.svg:
 * `npx tsx test/pictures/icons.ts`, whenever that changes.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { chromiumPath } from '../chromium/chromium.ts'

const PAGES = join(import.meta.dirname, '../../node/browser/pages')
/** A mask may cut away all but a circle of four fifths: what is drawn stays within it. */
const MASKED = { share: 0.7, ground: '#f6f4ef' }
const WHOLE = { share: 1, ground: 'transparent' }

const ICONS = [
  ['icon-192.png', 192, WHOLE],
  ['icon-512.png', 512, WHOLE],
  ['icon-maskable-512.png', 512, MASKED],
] as const

const mark = await readFile(join(PAGES, 'icon.svg'), 'base64')
const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] })
for (const [name, pixels, { share, ground }] of ICONS) {
  const page = await browser.newPage({ viewport: { width: pixels, height: pixels } })
  await page.setContent(
    `<body style="margin: 0; height: 100vh; display: grid; place-items: center;
      background: ${ground}"><img style="width: ${share * 100}%"
      src="data:image/svg+xml;base64,${mark}">`,
  )
  await page.screenshot({ path: join(PAGES, 'public', name), omitBackground: true })
  await page.close()
}
await browser.close()
