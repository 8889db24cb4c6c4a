/** docs/rounds.md draws both machines from the tables that they are held to. */
import { test } from 'vitest'
import { LINK_TRANSITIONS } from '../../coordinator/participant/link-states.ts'
import { TRANSITIONS } from '../../coordinator/phases.ts'
import { checkParts } from '../generated-part.ts'

function diagramOf(first: string, ways: readonly (readonly [string, string, string])[]): string {
  const lines = ways.map(([from, to, why]) => `    ${from} --> ${to}: ${why}`)
  return ['```mermaid', 'stateDiagram-v2', `    [*] --> ${first}`].concat(lines, '```').join('\n')
}

test('the diagrams are those of the tables', () => {
  checkParts('rounds.md', {
    'phases of a run': diagramOf('waiting', TRANSITIONS),
    'states of a link': diagramOf('offline', LINK_TRANSITIONS),
  })
})
