/** Which of a run's adapters was taken, in words. */

/** @param isBest nobody asked for a round, so it is the one that did best */
export function roundWords(
  { round, rounds }: { round: number; rounds: number },
  isBest: boolean,
): string {
  const place = `round ${round} of ${rounds}`
  return isBest && round < rounds ? `${place}, which did best` : place
}
