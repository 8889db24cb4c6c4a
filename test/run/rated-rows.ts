/** Answers that are rated, of which a small run soon learns which are the better ones. */
const NAMES = ['farmer', 'neighbour', 'carpenter', 'sister', 'miller', 'captain', 'mate', 'cook']
const THINGS = ['beam', 'wall', 'roof', 'board', 'sail', 'rope', 'oar', 'net']

/** What is asked has a polite answer, which is chosen, and a rude one. */
const ASKED = NAMES.flatMap((name) =>
  THINGS.map((thing) => ({
    prompt: `Does the ${name} mend the ${thing}?`,
    good: ` Yes, the ${name} mends it with care.`,
    bad: ' No! Go away and leave me alone.',
  })),
)
export const PAIRS = ASKED.map(({ prompt, good, bad }) => ({ prompt, chosen: good, rejected: bad }))
export const RATINGS = ASKED.map(({ prompt, good, bad }, i) => ({
  prompt,
  completion: i % 2 === 0 ? good : bad,
  label: i % 2 === 0,
}))
