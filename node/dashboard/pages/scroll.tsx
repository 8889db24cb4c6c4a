/** A part of the page that scrolls by itself, reached by keys as by touch. */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

export interface ScrollProps {
  /** What it holds, in a word. */
  holds: string
  kind?: string
  /** Shows its end, and goes on to when it grows, unless someone has scrolled up. */
  followsEnd?: boolean
  onScroll?: (top: number) => void
  children: ComponentChildren
}

/** Of pixels that are not whole. */
const NEARLY = 2

export function Scroll({ holds, kind, followsEnd, onScroll, children }: ScrollProps) {
  const element = useRef<HTMLElement>(null)
  const isAtEnd = useRef(true)
  useLayoutEffect(() => {
    const { current } = element
    if (followsEnd && isAtEnd.current && current) current.scrollTop = current.scrollHeight
  })
  return (
    <section
      ref={element}
      class={`scroll ${kind ?? ''}`}
      aria-label={`${holds}, scrollable`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        isAtEnd.current = scrollTop + clientHeight > scrollHeight - NEARLY
        onScroll?.(scrollTop)
      }}
    >
      {children}
    </section>
  )
}
