/** What becomes of a key of axolotl's. */
import type { RunYamlInput } from './run-keys.ts'

export type Given = Record<string, unknown>

export type Fate =
  | { fate: 'taken'; part: Partial<RunYamlInput> }
  | { fate: 'ignored' | 'refused'; reason: string }

export const taken = (part: Partial<RunYamlInput>): Fate => ({ fate: 'taken', part })
export const ignored = (reason: string): Fate => ({ fate: 'ignored', reason })
export const refused = (reason: string): Fate => ({ fate: 'refused', reason })
