/**
 * What a coordinator does, told as transcripts (`transcripts/coordinator-*.txt`). At every point of
 * each the process is also killed, and comes back from its journal and from a snapshot.
 */
import { expect, test } from 'vitest'
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import { pendingEffects } from '../../coordinator/pending.ts'
import { restore, snapshot } from '../../coordinator/snapshot.ts'
import { statusOf } from '../../coordinator/status.ts'
import { nextDeadline, step } from '../../coordinator/step.ts'
import { decode, encode } from '../../protocol/codec.ts'
import { decodeNotice, decodeReply, encodeNotice, encodeReply } from '../../protocol/messages.ts'
import { startConversation } from './coordinator-language.ts'
import { checkedStep } from './invariants.ts'
import { checkTranscript, commandsOf, readTranscript, transcriptsOf } from './transcript.ts'

const names = transcriptsOf('coordinator')

for (const name of names) {
  test(`${name} reads as written`, () => {
    const { state, eventOf, print } = startConversation(readTranscript(name))
    checkTranscript(name, (line) => {
      const event = eventOf(line)
      return print(event === null ? null : checkedStep(state, event))
    })
  })
}

for (const name of names) {
  test(`${name}: every message fits the wire`, () => {
    const blocks = readTranscript(name)
    const { state, eventOf } = startConversation(blocks)
    for (const line of commandsOf(blocks)) {
      const event = eventOf(line)
      if (event === null) continue
      for (const effect of step(state, event).effects) {
        if (effect.type === 'reply') {
          expect(decodeReply(encodeReply(effect.reply))).toEqual(effect.reply)
        }
        if (effect.type === 'notify') {
          expect(decodeNotice(encodeNotice(effect.notice))).toEqual(effect.notice)
        }
      }
    }
  })
}

for (const name of names) {
  test(`${name}: killed at any point, journal and snapshot make the same state`, () => {
    const blocks = readTranscript(name)
    const { state, fresh, eventOf } = startConversation(blocks)
    const journal: Uint8Array[] = []
    for (const line of commandsOf(blocks)) {
      const event = eventOf(line)
      if (event === null) continue
      const restored = restore(snapshot(state))
      const live = step(state, event)
      expect(step(restored, event), `restored, then ${line}`).toEqual(live)
      if (live.accepted) journal.push(encode(event))
      const replayed = fresh()
      for (const entry of journal) step(replayed, decode(entry) as CoordinatorEvent)
      for (const other of [replayed, restored]) {
        expect(snapshot(other), `after ${line}`).toEqual(snapshot(state))
        expect(nextDeadline(other), `after ${line}`).toBe(nextDeadline(state))
        expect(pendingEffects(other), `after ${line}`).toEqual(pendingEffects(state))
        expect(statusOf(other), `after ${line}`).toEqual(statusOf(state))
      }
    }
  })
}
