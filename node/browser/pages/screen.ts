/** What the style knows of the screen, for what is not drawn by the style alone. */
import { type ReadonlySignal, signal } from '@preact/signals'

export const isDark = follow('(prefers-color-scheme: dark)')
export const isNarrow = follow('(max-width: 720px)')

function follow(query: string): ReadonlySignal<boolean> {
  const media = matchMedia(query)
  const matches = signal(media.matches)
  media.addEventListener('change', () => {
    matches.value = media.matches
  })
  return matches
}
