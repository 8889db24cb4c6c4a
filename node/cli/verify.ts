/**
 * `barnraise verify FOLDER`: re-derives the adapter from the journal. Exit code 3 when it does not
 * follow.
 */
import { EXIT } from '../exit-code.ts'
import { runFolder } from '../run/run-folder.ts'
import { verifyRun } from '../run/verify-run.ts'
import { CommandFailure } from './failure.ts'
import { printJson, printTable } from './output.ts'
import { createScreen } from './terminal.ts'

export async function verify(root: string, options: { json?: boolean }): Promise<void> {
  const screen = createScreen(process.stderr)
  const result = await verifyRun(runFolder(root), screen.update)
  screen.clear()
  if (options.json) printJson(result)
  else {
    printTable([
      ['run', result.runId],
      ['journal', `${result.entries} entries, each follows from the one before`],
      ['signatures', `${result.signatures} contributions are their makers' own`],
      ['rounds', `${result.rounds} merged again from the stored payloads`],
      ['adapter', result.adapter],
      ['verified', result.verified ? 'yes, bit for bit' : 'NO'],
    ])
  }
  if (result.verified) return
  const faults = result.faults.map((fault) => `\n  ${fault}`).join('')
  throw new CommandFailure(EXIT.verificationFailed, `the run does not verify:${faults}`)
}
