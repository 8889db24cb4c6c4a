/** Who answers: the base, and what it has become after which rounds. */

import { tables, version } from './store.ts'
import { chooseVoices, VOICES_MAX } from './try-choice.ts'
import { startAnew, trial, wanted } from './try-store.ts'

export const nameOf = (round: number): string =>
  round === 0 ? 'base' : `adapter of round ${round}`

/** A talk goes on with those with whom it began. */
export function Voices() {
  version.value
  const all = tables.rounds.values()
  const { offered, chosen, rounds, best } = chooseVoices(all, wanted.value, tables.run?.metric)
  if (rounds.length === 0) {
    return (
      <p class="note">
        There is no adapter yet: the first comes when a round is merged. Until then the base answers
        alone.
      </p>
    )
  }
  const chosenRounds = new Set(chosen.map(({ round }) => round))
  const others = rounds.filter((round) => !offered.some((voice) => voice.round === round))
  const isFull = chosen.length >= VOICES_MAX
  const choose = (round: number, isWanted: boolean) => {
    const next = new Set(chosenRounds)
    if (isWanted) next.add(round)
    else next.delete(round)
    wanted.value = next
    startAnew()
  }
  return (
    <fieldset class="voices" disabled={trial.value.stage === 'answering'}>
      <legend>Who answers, side by side</legend>
      {offered.map(({ round }) => {
        const isChosen = chosenRounds.has(round)
        return (
          <label key={round}>
            <input
              type="checkbox"
              checked={isChosen}
              disabled={isChosen ? chosen.length === 1 : isFull}
              onChange={({ currentTarget }) => choose(round, currentTarget.checked)}
            />{' '}
            {nameOf(round)}
            {round === rounds[0] && ', the newest'}
            {round === best && ', the best so far'}
          </label>
        )
      })}
      {others.length > 0 && !isFull && (
        <select
          aria-label="Another round"
          value=""
          onChange={({ currentTarget }) => choose(Number(currentTarget.value), true)}
        >
          <option value="">another round…</option>
          {others.map((round) => (
            <option key={round} value={round}>
              round {round}
            </option>
          ))}
        </select>
      )}
    </fieldset>
  )
}
