/** What is fuzzed: a decoder, valid inputs of it, and the errors that it may throw. */

type ErrorClass = abstract new (...args: never[]) => Error

export interface Target {
  /** Also the name of its corpus. */
  name: string
  /** Valid inputs: bytes, or a value that `write` makes bytes of, so that its parts can change. */
  seeds: () => readonly unknown[]
  /** Bytes of a value that was changed; left out where the seeds are bytes. */
  write?: (value: unknown) => Uint8Array
  /** Reads an input as the program would; what it returns does not matter. */
  read: (input: Uint8Array) => unknown
  /** Whoever gave the input is at fault, and is told so by one of these. */
  throws: readonly ErrorClass[]
  /** Some of its seeds are refused, but late. */
  mayRefuseSeeds?: boolean
  /**
   * The program reads it in a thread that it ends after a while, so an input that takes long is no
   * fault.
   */
  isEnded?: boolean
  /** It gets this share of what the others get, as many of its inputs are ended. */
  share?: number
}

export const textBytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const jsonBytes = (value: unknown): Uint8Array => textBytes(JSON.stringify(value) ?? '')
export const textOf = (input: Uint8Array): string => new TextDecoder().decode(input)
