/**
 * `barnraise demo`: the whole job on one machine. A coordinator and volunteers run as processes of
 * their own and talk libp2p over loopback; one is killed in the middle of a lease, another joins
 * late; at the end there is an adapter that was verified from its journal.
 */

import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import type { AuditCounts } from '../../protocol/index.ts'
import { counted } from '../../protocol/index.ts'
import { EXIT } from '../exit-code.ts'
import { auditWords } from '../history/figures.ts'
import type { Progress } from '../history/progress.ts'
import { exportRun } from '../run/export-run.ts'
import { mismatchText } from '../run/mismatch.ts'
import { openRun } from '../run/open-run.ts'
import { type RunFolder, runFolder } from '../run/run-folder.ts'
import { verifyRun } from '../run/verify-run.ts'
import { makeFolder } from '../storage/file-system.ts'
import { generateSamples, type SampleRequest } from '../text/generate-text.ts'
import { type Child, startChild } from './child.ts'
import { command, quoted } from './command.ts'
import { DEMO_YAML } from './demo-yaml.ts'
import { CommandFailure } from './failure.ts'
import { printSample } from './generate.ts'
import { onInterrupt } from './interrupt.ts'
import { createLiveView, type LiveView } from './live-view.ts'
import { printJson, printLine } from './output.ts'
import { createScreen, paint, type Screen } from './terminal.ts'

export interface DemoOptions {
  out: string
  json?: boolean
}

/** Ada stays; Ben is killed in this round (counted from 0) after so many steps; Cleo comes then. */
const KILL_ROUND = 2
const KILL_STEPS = 5
/** No more than three processes work at a time, and the machine is theirs for a minute. */
const THREADS = String(Math.max(1, Math.floor(availableParallelism() / 3)))

/** Steps that a volunteer tells of are the live view's pulse. */
interface VolunteerFact {
  type: string
  leaseId: number
  steps: number
}

const SAMPLING = { temperature: 0.7, topK: 0, topP: 0.95 }
const SAMPLES: SampleRequest[] = [
  { prompt: 'The whale', tokensMax: 48, sampling: SAMPLING, seed: 1 },
  { prompt: 'I went on board and', tokensMax: 48, sampling: SAMPLING, seed: 2 },
]

export async function demo(options: DemoOptions): Promise<void> {
  const started = performance.now()
  const screen = createScreen(process.stderr)
  const folder = runFolder(freeFolder(options.out))
  await makeFolder(folder.root)
  const yaml = join(folder.root, 'demo.yaml')
  await writeFile(yaml, DEMO_YAML)
  const cast = await perform(folder, yaml, screen)
  screen.update('verifying: merging every round again from the stored payloads')
  const verification = await verifyRun(folder)
  const samples = options.json ? [] : await generateSamples(folder, SAMPLES)
  const exported = await exportRun(folder, { format: 'peft', round: null, out: null })
  const { state } = await openRun(folder)
  screen.clear()
  const evaluated = state.evaluations.toSorted((a, b) => a.round - b.round)
  const summary = {
    seconds: Math.round((performance.now() - started) / 100) / 10,
    before: evaluationOf(evaluated.at(0)!.loss),
    after: evaluationOf(evaluated.find(({ round }) => round === exported.round)!.loss),
    rounds: state.round.start.round,
    volunteers: cast.volunteers,
    run: folder.root,
    adapter: { path: exported.folder, sha256: exported.sha256 },
    verified: verification.ok,
    audits: state.auditCounts,
  }
  if (options.json) printJson(summary)
  else {
    for (const sample of samples) printSample(sample)
    printSummary(summary)
  }
  if (!verification.ok) {
    throw new CommandFailure(
      EXIT.verificationFailed,
      verification.mismatches.map(mismatchText).join('\n'),
    )
  }
}

function evaluationOf(loss: number): { loss: number; perplexity: number } {
  return { loss, perplexity: Math.exp(loss) }
}

/** `out`, or the first of out-2, out-3, … that does not exist: nothing is overwritten. */
function freeFolder(out: string): string {
  if (!existsSync(out)) return out
  let number = 2
  while (existsSync(`${out}-${number}`)) number += 1
  return `${out}-${number}`
}

/** Runs coordinator and volunteers to the end of the run; no process outlives it. */
async function perform(
  folder: RunFolder,
  yaml: string,
  screen: Screen,
): Promise<{ volunteers: number }> {
  const children = new Set<Pick<Child<unknown>, 'kill' | 'exited'>>()
  const stopListening = onInterrupt(() => {
    for (const child of children) child.kill('SIGKILL')
    process.exit(EXIT.interrupted)
  })
  const view = createLiveView(screen, process.stderr, folder.root)
  const start = <Message>(args: string[]): Child<Message> => {
    const child = startChild<Message>(args)
    children.add(child)
    const forget = () => children.delete(child)
    child.exited.then(forget, forget)
    return child
  }
  try {
    screen.print('Raising a barn: a coordinator and three volunteers, each a process of its own.')
    screen.print(
      'Ada and Ben begin; Ben will be killed in the middle of his work; Cleo comes late.\n',
    )
    screen.update('reading the base model, tokenising Moby Dick')
    const options = ['--out', folder.root, '--port', '0', '--threads', THREADS]
    const host = start<Progress>(['host', yaml, ...options])
    const volunteers = play(folder, host, view, screen, start)
    const code = await host.exited
    if (code !== 0) throw new Error(`the coordinator ended with ${code}:\n${host.complaints()}`)
    return { volunteers: volunteers() }
  } finally {
    screen.clear()
    stopListening()
    for (const child of children) child.kill('SIGTERM')
    await Promise.all([...children].map((child) => child.exited))
  }
}

/** Directs the play; returns how many volunteers have taken part. */
function play(
  folder: RunFolder,
  host: Child<Progress>,
  view: LiveView,
  screen: Screen,
  start: <Message>(args: string[]) => Child<Message>,
): () => number {
  const board = createBoard(view)
  let link = ''
  let count = 0
  let benIsAlive = true
  let benRound = -1
  const volunteer = (name: string): Child<VolunteerFact> => {
    count += 1
    const cache = join(folder.root, 'volunteers', name.toLowerCase())
    const options = ['--name', name, '--cache', cache, '--threads', THREADS, '--dedicated']
    return start<VolunteerFact>(['join', link, ...options])
  }
  const begin = () => {
    volunteer('Ada')
    const ben = volunteer('Ben')
    ben.onMessage((fact) => {
      if (fact.type !== 'step' || fact.steps < KILL_STEPS) return
      if (!benIsAlive || benRound < KILL_ROUND) return
      benIsAlive = false
      ben.kill('SIGKILL')
      const done = counted(fact.steps, 'step')
      const lost = `Ben (pid ${ben.pid}) is killed after ${done} of his lease`
      screen.print(paint('red', `      ${lost}; its batches will be leased again`, process.stderr))
      volunteer('Cleo')
    })
  }
  host.onMessage((fact) => {
    board(fact)
    if (fact.type === 'ready') {
      link = fact.link
      begin()
    }
    if (fact.type === 'leased' && fact.name === 'Ben') benRound = fact.round
  })
  return () => count
}

/** Keeps the figures of the bottom line from the coordinator's facts. */
function createBoard(view: LiveView): (fact: Progress) => void {
  let status: Extract<Progress, { type: 'status' }> | null = null
  return (fact) => {
    view.show(fact)
    if (fact.type === 'status') status = fact
    if (status !== null) view.redraw(status)
  }
}

interface Summary {
  seconds: number
  before: { loss: number; perplexity: number }
  after: { loss: number; perplexity: number }
  rounds: number
  volunteers: number
  run: string
  adapter: { path: string; sha256: string }
  verified: boolean
  audits: AuditCounts
}

function printSummary({ seconds, before, after, rounds, volunteers, ...rest }: Summary): void {
  const { run, adapter, verified, audits } = rest
  const path = (absolute: string) => relative('', absolute) || '.'
  const fall = (1 - after.perplexity / before.perplexity) * 100
  const bold = (text: string) => paint('bold', text, process.stdout)
  printLine()
  printLine(
    bold(
      `Done in ${seconds} s: ${counted(rounds, 'round')} by ${counted(volunteers, 'volunteer')}`,
    ),
  )
  printLine(`  held-out loss  ${before.loss.toFixed(4)} → ${after.loss.toFixed(4)}`)
  printLine(
    `  perplexity     ${before.perplexity.toFixed(1)} → ${after.perplexity.toFixed(1)}` +
      `  (${fall.toFixed(0)} % lower)`,
  )
  printLine(
    `  adapter        ${path(adapter.path)}  (PEFT; sha256 ${adapter.sha256.slice(0, 16)}…)`,
  )
  printLine(`  work repeated  ${auditWords(audits)}`)
  printLine(
    `  verified       ${verified ? 'yes: merged again from its journal, bit for bit' : 'NO'}`,
  )
  printLine()
  printLine(bold('What next'))
  const folder = quoted(path(run))
  printLine(`  Talk to it        ${command(`generate ${folder} -p "The sea"`)}`)
  printLine(`  Check it again    ${command(`verify ${folder}`)}`)
  printLine(`  Take it home      ${command(`export ${folder} --format peft -o my-adapter`)}`)
  printLine(`  Host your own     edit a copy of ${path(run)}/demo.yaml, then`)
  printLine(`                    ${command('host my-run.yaml')}`)
  printLine(`  Join a run        ${command('join LINK')}`)
}
