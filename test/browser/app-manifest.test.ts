/** The web app manifest: its icons are as large as it says, and its colours are the page's. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const PAGES = join(import.meta.dirname, '../../node/browser/pages')
const text = (name: string) => readFileSync(join(PAGES, name), 'utf8')

const manifest = JSON.parse(text('public/app.webmanifest'))
const [, light, dark] = /--page: light-dark\((#\w+), (#\w+)\)/.exec(text('style.css'))!

test('the colours are those of the page, light where there is one', () => {
  const { theme_color, background_color } = manifest
  expect({ theme_color, background_color }).toEqual({ theme_color: light, background_color: light })
  const themes = [
    ...text('index.html').matchAll(/theme-color" content="(#\w+)" media="\(.*: (\w+)/g),
  ]
  expect(themes.map(([, color, scheme]) => [scheme, color])).toEqual([
    ['light', light],
    ['dark', dark],
  ])
})

test('it opens as an app at the address of the page, whichever that is', () => {
  const { name, display, start_url, scope } = manifest
  expect({ name, display, start_url, scope }).toEqual({
    name: 'Barnraise',
    display: 'standalone',
    start_url: './',
    scope: './',
  })
})

test('there are icons of two sizes, and one that may be cut', () => {
  const shapes = manifest.icons.map(
    ({ sizes, purpose = 'any' }: Record<string, string>) => `${sizes} ${purpose}`,
  )
  expect(shapes).toEqual(['192x192 any', '512x512 any', '512x512 maskable'])
})

for (const { src, sizes } of manifest.icons as { src: string; sizes: string }[]) {
  test(`${src} has ${sizes} pixels`, () => {
    const bytes = readFileSync(join(PAGES, 'public', src))
    // Source: W3C, PNG, §11.2.1 (IHDR): the first chunk begins with width and height.
    expect(bytes.toString('latin1', 12, 16)).toBe('IHDR')
    expect(`${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`).toBe(sizes)
  })
}
