/** README.md of a published run: what it is, and how a reader checks it. */
import { stringify } from 'yaml'
import { type PeerId, type RunConfig, type RunId, utf8ToBytes } from '../../protocol/index.ts'
import { COMMAND } from '../command.ts'
import { escaped } from '../export/markdown.ts'
import { countedSteps, takenBackSteps } from './draw-picks.ts'
import type { RunRecord } from './read-record.ts'
import { startWords } from './start-words.ts'

interface PublishedRun {
  config: RunConfig
  runId: RunId
  coordinator: PeerId
  record: RunRecord
  withHeldOut: boolean
}

export function publishedCard(run: PublishedRun): Uint8Array {
  const { config, runId, coordinator, record, withHeldOut } = run
  const { start } = record.state.round
  const heldOut = withHeldOut ? 'is here as well' : 'was kept back'
  const verify = `${COMMAND} verify FOLDER --run ${runId} --coordinator ${coordinator}`
  return utf8ToBytes(`---
${stringify({ pretty_name: config.name, tags: ['barnraise'] })}---

# ${escaped(config.name)}

Everything from which the adapter of a run of barnraise was made.

| | |
|---|---|
| base | ${escaped(config.base.name)} |
| begins with | ${startWords(config) ?? 'the base alone'} |
| text | ${escaped(config.dataset.name)} |
| rounds | ${start.round} |
| steps that counted | ${countedSteps(record)} |
| steps merged, taken back | ${takenBackSteps(record)} |
| signed contributions | ${record.signatures} |
| text that it was measured on | ${heldOut} |
| adapter that follows | \`${start.base}\` |

## Check it

A stranger has to know two things beforehand, by another way than this page:

| | |
|---|---|
| run | \`${runId}\` |
| coordinator | \`${coordinator}\` |

In a browser index.html does it, from any web server. With barnraise in a terminal, and this folder
or the address at which it lies in place of FOLDER:

\`\`\`sh
${verify}
${verify} --sample 5%
\`\`\`

The first merges every round again, the second trains a share of the steps again as well.
docs/verify.md of barnraise says what is proved, what is not, and how the files are laid out for a
program of your own.
`)
}
