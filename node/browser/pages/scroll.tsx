/** A part of the page that scrolls by itself, reached by keys as by touch. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

export interface ScrollProps {
  /** What it holds, in a word. */
  holds: string
  kind?: string
  /** Shows its end, and goes on to when it grows, unless someone has scrolled up. */
  followsEnd?: boolean
  /** Hears how far it is scrolled, in pixels, and, of what follows its end, whether it shows it. */
  onScroll?: (top: number, isAtEnd: boolean) => void
  children: ComponentChildren
}

/** Pixels by which a scroll position may be off, as pixels are not whole. */
const NEARLY = 2
/** The height that all of them have at most, as the style says. */
const VIEW_PX = 400
/** Rows come and go by so many at once, so that few frames of a scroll have to draw any. */
const STRIDE = 6

/** Which of many rows of equal height are in view or near it: they alone exist. */
export function useRowsInView(rowPx: number): {
  window(count: number): { first: number; end: number }
  scrolledTo(top: number): void
} {
  const stride = useSignal(0)
  return {
    window: (count) => {
      const first = Math.min(count, Math.max(0, stride.value - 1) * STRIDE)
      return { first, end: Math.min(count, first + Math.ceil(VIEW_PX / rowPx) + 3 * STRIDE) }
    },
    scrolledTo: (top) => {
      stride.value = Math.floor(top / rowPx / STRIDE)
    },
  }
}

function showsEnd({ scrollTop, scrollHeight, clientHeight }: HTMLElement): boolean {
  return scrollTop + clientHeight > scrollHeight - NEARLY
}

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
      onScroll={({ currentTarget }) => {
        // Asking for heights makes the browser lay out, so only what follows its end does.
        if (followsEnd) isAtEnd.current = showsEnd(currentTarget)
        onScroll?.(currentTarget.scrollTop, isAtEnd.current)
      }}
    >
      {children}
    </section>
  )
}
