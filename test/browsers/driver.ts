/** A browser that is driven from outside, by whichever protocol it speaks. */

export interface Driver {
  /** The browser's name and version, as it tells them itself. */
  version: string
  /** Goes to an address, and waits until the page is loaded. */
  open(address: string): Promise<void>
  /**
   * What a function of the page comes to, as JSON carries it; it sees nothing but its argument.
   * @throws Error with what the page threw
   */
  evaluate<A, T>(run: (argument: A) => T | Promise<T>, argument: A): Promise<T>
  /** A PNG of what the window shows. */
  screenshot(): Promise<Buffer>
  /** What pages and their workers complained about so far, as far as the browser tells. */
  complaints(): readonly string[]
  close(): Promise<void>
}

export interface DrivenBrowser {
  name: string
  /** What would bring it here; null: it is here. */
  missing(): string | null
  /** Starts it with a home of its own, and a window of so many pixels. */
  start(home: string, size: WindowSize): Promise<Driver>
}

export interface WindowSize {
  width: number
  height: number
}

/** Longer than anything that a page of the tests computes. */
export const SCRIPT_TIMEOUT_MS = 600_000
export const START_TIMEOUT_MS = 60_000

/** An expression that comes to the JSON of what the function comes to. */
export function expressionOf(run: (argument: never) => unknown, argument: unknown): string {
  const call = `(${run})(${JSON.stringify(argument)})`
  return `(async () => JSON.stringify((await ${call}) ?? null))()`
}

/** What a session says of its browser, which both protocols name alike. */
export interface Started {
  capabilities: { browserName: string; browserVersion: string }
}

export const versionOf = ({ capabilities: { browserName, browserVersion } }: Started) =>
  `${browserName} ${browserVersion}`
