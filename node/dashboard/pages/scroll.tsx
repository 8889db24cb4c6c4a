/** A part of the page that scrolls by itself, reached by keys as by touch. */
import type { ComponentChildren } from 'preact'

export interface ScrollProps {
  /** What it holds, in a word. */
  holds: string
  kind?: string
  onScroll?: (top: number) => void
  children: ComponentChildren
}

export function Scroll({ holds, kind = '', onScroll = () => {}, children }: ScrollProps) {
  return (
    <section
      class={`scroll ${kind}`}
      aria-label={`${holds}, scrollable`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
      tabIndex={0}
      onScroll={({ currentTarget }) => onScroll(currentTarget.scrollTop)}
    >
      {children}
    </section>
  )
}
