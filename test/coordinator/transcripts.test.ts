/**
 * What a coordinator does, told as transcripts (`transcripts/coordinator-*.txt`, language in
 * `transcript.ts`). `REWRITE=1 npx vitest run test/coordinator` writes them anew; commit only a change
 * that you can explain. At every point of every transcript the process is also killed and restarted.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import { pendingEffects } from '../../coordinator/pending.ts'
import { restore, snapshot } from '../../coordinator/snapshot.ts'
import { statusOf } from '../../coordinator/status.ts'
import { nextDeadline, step } from '../../coordinator/step.ts'
import { decode, encode } from '../../protocol/codec.ts'
import { encodeNotice, encodeReply } from '../../protocol/messages.ts'
import { checkedStep } from './invariants.ts'
import { type Block, formatTranscript, parseTranscript, startConversation } from './transcript.ts'

const FOLDER = join(import.meta.dirname, 'transcripts')
const IS_REWRITE = process.env.REWRITE === '1'

const names = readdirSync(FOLDER).filter((name) => name.startsWith('coordinator-'))

function readTranscript(name: string): Block[] {
  return parseTranscript(readFileSync(join(FOLDER, name), 'utf8'))
}

const commandsOf = (blocks: readonly Block[]): string[] =>
  blocks.flatMap(({ input }) => input.filter((line) => !line.startsWith('#')))

/** Plays a transcript and returns it with what really came of it. */
function play(blocks: readonly Block[]): Block[] {
  const conversation = startConversation(blocks)
  return blocks.map(({ input }) => {
    const output = input
      .filter((line) => !line.startsWith('#') && !line.startsWith('config'))
      .map((line) => {
        const event = conversation.eventOf(line)
        return conversation.print(event === null ? null : checkedStep(conversation.state, event))
      })
    return { input, output: output.join('\n') }
  })
}

for (const name of names) {
  test(`${name} reads as written`, () => {
    const written = readTranscript(name)
    const played = formatTranscript(play(written))
    if (IS_REWRITE) writeFileSync(join(FOLDER, name), played)
    else expect(played).toBe(formatTranscript(written))
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
        if (effect.type === 'reply') expect(encodeReply(effect.reply).length).toBeGreaterThan(0)
        if (effect.type === 'notify') expect(encodeNotice(effect.notice).length).toBeGreaterThan(0)
      }
    }
  })
}

for (const name of names) {
  test(`${name}: killed at any point, the journal makes the same state, and so does a snapshot`, () => {
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
