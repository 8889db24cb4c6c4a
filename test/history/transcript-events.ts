/** The coordinator's transcripts played to a read model, live or from their journal alone. */
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import type { Outcome } from '../../coordinator/outcome.ts'
import type { CoordinatorState } from '../../coordinator/state.ts'
import { step } from '../../coordinator/step.ts'
import type { Fact } from '../../node/history/facts.ts'
import { createReadModel, type ReadModel } from '../../node/history/read-model.ts'
import { startConversation } from '../coordinator/coordinator-language.ts'
import { commandsOf, readTranscript } from '../coordinator/transcript.ts'

export interface Played {
  state: CoordinatorState
  model: ReadModel
}

/** What was decided about an event. */
export interface Decided extends Outcome {
  event: CoordinatorEvent
  facts: Fact[]
}

/** `onEvent` is called after each event; `journalOnly` leaves out what was not accepted. */
export function playTranscript(
  name: string,
  { journalOnly = false, onEvent = (_: Played, __: Decided) => {} } = {},
): Played {
  const conversation = startConversation(readTranscript(name))
  const played = { state: conversation.state, model: createReadModel(conversation.state) }
  let seq = 0
  for (const line of commandsOf(readTranscript(name))) {
    const event: CoordinatorEvent | null = conversation.eventOf(line)
    if (event === null) continue
    const outcome = step(played.state, event)
    seq += Number(outcome.accepted)
    const isSeen = outcome.accepted || !journalOnly
    const facts = isSeen ? played.model.observe(seq, event, outcome.effects) : []
    onEvent(played, { event, facts, ...outcome })
  }
  return played
}
