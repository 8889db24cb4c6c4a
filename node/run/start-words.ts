/** What a run begins with, for people. */
import type { RunConfig } from '../../protocol/index.ts'

/** Null: the run starts from its base alone. */
export function startWords({ adapter: { start } }: RunConfig): string | null {
  if (start === undefined) return null
  const { checkpoint, parent } = start
  if (parent === null) return `adapter ${checkpoint.digest}`
  const after = parent.round === null ? '' : ` after its round ${parent.round}`
  return `adapter ${checkpoint.digest}, as its organiser says from run ${parent.run}${after}`
}
