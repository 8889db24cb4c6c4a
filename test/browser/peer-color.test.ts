/** A peer's colour: always the same, different from most, and seen on a card of either look. */
import { expect, test } from 'vitest'
import { peerColor } from '../../node/browser/pages/peer-color.ts'

for (const [peer, light, dark] of [
  ['12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5', 'hsl(45 70% 33%)', 'hsl(45 70% 50%)'],
  ['peer-0', 'hsl(180 70% 30%)', 'hsl(180 70% 50%)'],
  ['peer-1', 'hsl(345 70% 50%)', 'hsl(345 70% 62%)'],
  ['', 'hsl(195 70% 37%)', 'hsl(195 70% 50%)'],
] as const) {
  test(`${peer || 'no id'}: ${light}, ${dark}`, () => {
    expect(peerColor(peer)).toEqual({ light, dark })
  })
}

const PEERS = Array.from({ length: 500 }, (_, index) => `peer-${index}`)

test('many peers share two dozen colours about evenly', () => {
  const counts = new Map<string, number>()
  for (const peer of PEERS) {
    const { light } = peerColor(peer)
    counts.set(light, (counts.get(light) ?? 0) + 1)
  }
  expect(counts.size).toBe(24)
  expect(Math.max(...counts.values())).toBeLessThan(60)
})

/** Relative luminance of an sRGB colour by its 8-bit channels. Source: WCAG 2.2. */
function luminance(channels: readonly number[]): number {
  const [red, green, blue] = channels.map((value) =>
    value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
  )
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
}

/** The sector way round the colour wheel, unlike the page's own. Source: CSS Color 3, 4.2.4. */
function channelsOf(color: string): number[] {
  const [hue, saturation, lightness] = color.match(/[\d.]+/g)!.map(Number)
  const [s, l] = [saturation! / 100, lightness! / 100]
  const m2 = l <= 0.5 ? l * (s + 1) : l + s - l * s
  const m1 = l * 2 - m2
  const third = (h: number) => {
    const turn = (h + 1) % 1
    if (turn * 6 < 1) return m1 + (m2 - m1) * turn * 6
    if (turn * 2 < 1) return m2
    return turn * 3 < 2 ? m1 + (m2 - m1) * (2 / 3 - turn) * 6 : m1
  }
  const turn = hue! / 360
  return [turn + 1 / 3, turn, turn - 1 / 3].map((h) => Math.round(third(h) * 255))
}

for (const [look, card] of [
  ['light', [255, 255, 255]],
  ['dark', [0x1f, 0x22, 0x26]],
] as const) {
  test(`every colour stands out from a ${look} card as a text would`, () => {
    for (const color of new Set(PEERS.map((peer) => peerColor(peer)[look]))) {
      const [a, b] = [luminance(card), luminance(channelsOf(color))]
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
      expect(contrast, color).toBeGreaterThanOrEqual(4.45)
    }
  })
}
