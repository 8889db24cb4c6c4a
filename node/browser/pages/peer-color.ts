/**
 * A colour for each peer, from its id alone, so that it is the same on every page and in every run.
 * The hue is drawn from the id; the lightness is the nearest to the middle at which the colour
 * stands out from a card, in the light and in the dark.
 */

/** Backgrounds of cards, as style.css has them. */
const CARD = { light: '#ffffff', dark: '#1f2226' } as const
/** What a text needs, and more than a shape does. Source: WCAG 2.2, 1.4.3 and 1.4.11. */
const CONTRAST_MIN = 4.5
const SATURATION = 70
/** Neighbours among so many hues can be told apart beside each other. */
const HUES = 24

/** CSS colours for either look. */
export interface PeerColor {
  light: string
  dark: string
}

export function peerColor(peer: string): PeerColor {
  const hue = (hashOf(peer) % HUES) * (360 / HUES)
  return { light: standingOut(hue, CARD.light, -1), dark: standingOut(hue, CARD.dark, 1) }
}

/** FNV-1a of the characters, 32 bits. Source: Fowler, Noll, Vo; IETF draft-eastlake-fnv. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  return hash >>> 0
}

/** @param way 1: lighter and lighter, -1: darker and darker, until the contrast is enough */
function standingOut(hue: number, background: string, way: 1 | -1): string {
  let lightness = 50
  while (contrast(rgbOf(hue, lightness), hexOf(background)) < CONTRAST_MIN) lightness += way
  return `hsl(${hue} ${SATURATION}% ${lightness}%)`
}

type Rgb = readonly [red: number, green: number, blue: number]

/** Channels from 0 to 1. Source: CSS Color 4, 7.1, HSL to sRGB. */
function rgbOf(hue: number, lightness: number): Rgb {
  const [saturation, middle] = [SATURATION / 100, lightness / 100]
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12
    const reach = saturation * Math.min(middle, 1 - middle)
    return middle - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1))
  }
  return [channel(0), channel(8), channel(4)]
}

const hexOf = (color: string): Rgb => {
  const channel = (at: number) => Number.parseInt(color.slice(at, at + 2), 16) / 255
  return [channel(1), channel(3), channel(5)]
}

/** Source: WCAG 2.2, contrast ratio and relative luminance. */
function contrast(a: Rgb, b: Rgb): number {
  const [darker, lighter] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (lighter! + 0.05) / (darker! + 0.05)
}

function luminance([red, green, blue]: Rgb): number {
  const linear = (channel: number) =>
    channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}
