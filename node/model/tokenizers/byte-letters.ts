/**
 * Bytes as letters that can be seen: those of Latin-1 that can stay, the others moved beyond it.
 * Source: openai/gpt-2, encoder.py (`bytes_to_unicode`).
 */

const isKept = (byte: number) =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae

const LETTERS: readonly string[] = (() => {
  let moved = 256
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(isKept(byte) ? byte : moved++),
  )
})()
const BYTES: ReadonlyMap<string, number> = new Map(LETTERS.map((letter, byte) => [letter, byte]))

export function toByteLetters(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => LETTERS[byte]).join('')
}

/** Null: not all of its letters stand for bytes. */
export function fromByteLetters(letters: string): number[] | null {
  const bytes: number[] = []
  for (const letter of letters) {
    const byte = BYTES.get(letter)
    if (byte === undefined) return null
    bytes.push(byte)
  }
  return bytes
}
