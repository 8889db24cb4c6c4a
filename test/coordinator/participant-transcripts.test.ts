/** What a participant does, told as transcripts (`transcripts/participant-*.txt`). */
import { expect, test } from 'vitest'
import {
  nextDeadline as participantDeadline,
  step as participantStep,
} from '../../coordinator/participant/step.ts'
import { decodeRequest, encodeRequest } from '../../protocol/messages.ts'
import { eventOf, newParticipant, playCommand } from './participant-language.ts'
import { checkTranscript, commandsOf, readTranscript, transcriptsOf } from './transcript.ts'

const names = transcriptsOf('participant')

/** Time starts anew with each participant. */
const isFresh = (line: string) => line.startsWith('0 ')

for (const name of names) {
  test(`${name} reads as written`, () => {
    let state = newParticipant()
    checkTranscript(name, (line) => {
      if (isFresh(line)) state = newParticipant()
      return playCommand(state, line)
    })
  })
}

for (const name of names) {
  test(`${name}: requests fit the wire, and a tick at the deadline leaves nothing due`, () => {
    let state = newParticipant()
    for (const line of commandsOf(readTranscript(name))) {
      if (line === 'state') continue
      if (isFresh(line)) state = newParticipant()
      const effects = participantStep(state, eventOf(state, line))
      for (const effect of effects) {
        if (effect.type === 'request') {
          expect(decodeRequest(encodeRequest(effect.request))).toEqual(effect.request)
        }
      }
      const deadline = participantDeadline(state)
      if (deadline === null) continue
      const later = structuredClone(state)
      participantStep(later, { type: 'tick', at: deadline })
      expect(participantDeadline(later) ?? deadline + 1, line).toBeGreaterThan(deadline)
    }
  })
}
