/**
 * What people see while something runs: lines that stay, and, on a terminal, a few at the bottom
 * that are redrawn. Without a terminal only the lines that stay are written.
 */
import { styleText } from 'node:util'

export interface Screen {
  /** A line that stays. */
  print(line: string): void
  /** The lines at the bottom; nothing where there is no terminal. */
  update(text: string): void
  /** Takes them away. */
  clear(): void
}

type Style = Parameters<typeof styleText>[0]

/** Colour where the stream can show it; NO_COLOR and FORCE_COLOR are honoured. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream): string {
  return styleText(style, text, { stream, validateStream: true })
}

export function createScreen(stream: NodeJS.WriteStream): Screen {
  const redraws = stream.isTTY === true
  let bottom = ''
  const erase = () => {
    if (!redraws || bottom === '') return
    stream.write(`\r\x1b[2K${'\x1b[1A\x1b[2K'.repeat(bottom.split('\n').length - 1)}`)
  }
  const draw = () => {
    if (!redraws || bottom === '') return
    // A line that the terminal broke could not be erased.
    const lines = bottom.split('\n').map((line) => line.slice(0, (stream.columns ?? 80) - 1))
    stream.write(lines.join('\n'))
  }
  return {
    print: (line) => {
      erase()
      stream.write(`${line}\n`)
      draw()
    },
    update: (text) => {
      erase()
      bottom = text
      draw()
    },
    clear: () => {
      erase()
      bottom = ''
    },
  }
}

/**
 * Text of others as it is safe to show: what would move the cursor, colour, ring, or turn the order
 * of letters around is written as a sign. New lines and tabs stay.
 */
export function visible(text: string): string {
  return text.replace(/(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (sign) => {
    const code = sign.codePointAt(0)!
    return code < 0x20 ? String.fromCodePoint(0x2400 + code) : `\\u{${code.toString(16)}}`
  })
}

/** A bar of `width` cells for a fraction in [0, 1]. */
export function bar(fraction: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * width)
  return '█'.repeat(filled) + '░'.repeat(width - filled)
}

/** 75 -> "1:15" */
export function clockTime(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
