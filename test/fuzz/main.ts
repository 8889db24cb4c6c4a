/**
 * `npm run fuzz [-- TARGET ...] [--inputs 100000] [--seed 1] [--keep] [--json]`: changes valid
 * inputs of every decoder, and tells which of them is read otherwise than it should be.
 */
import { parseArgs } from 'node:util'
import { runCampaign } from './campaign.ts'
import { keep } from './corpus.ts'
import type { Target } from './target.ts'
import { TARGETS } from './targets.ts'
import type { Finding, Job } from './thread.ts'

/** The targets take turns with so many, so that a run that is cut short has seen all. */
const INPUTS_PER_TURN = 500
const SHOWN_BYTES = 200
const LINES_SHOWN = 6
const TOLD_MS = 5_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

function targetsNamed(names: readonly string[]): readonly Target[] {
  const known = TARGETS.map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown === undefined) {
    return names.length > 0 ? TARGETS.filter(({ name }) => names.includes(name)) : TARGETS
  }
  throw new Error(`Cannot fuzz '${unknown}' as it must be one of: ${known.join(', ')}`)
}

/** Who has its inputs sits out the turns that are left. */
function jobsOf(targets: readonly Target[], inputs: number, seed: number): Job[] {
  const shares = targets.reduce((sum, { share = 1 }) => sum + share, 0)
  const each = inputs / shares
  const jobs: Job[] = []
  for (let from = 0; from < each; from += INPUTS_PER_TURN) {
    for (const { name: target, share = 1 } of targets) {
      const to = Math.ceil(Math.min(each * share, from + INPUTS_PER_TURN))
      if (from < to) jobs.push({ target, seed, from, to })
    }
  }
  return jobs
}

function describe({ target, why, words, input }: Finding): string {
  const shown = Buffer.from(input.subarray(0, SHOWN_BYTES)).toString('latin1')
  const cut = input.length > SHOWN_BYTES ? ` and ${input.length - SHOWN_BYTES} more` : ''
  const told = words.split('\n').slice(0, LINES_SHOWN)
  return `${[`${target}: ${why}`, ...told, JSON.stringify(shown) + cut].join('\n  ')}\n`
}

const [inputs, seed] = [Number(values.inputs), Number(values.seed)]
const startMs = performance.now()
let toldMs = startMs
const tell = (done: number): void => {
  const now = performance.now()
  if (now - toldMs < TOLD_MS) return
  toldMs = now
  process.stderr.write(`${done} of ${inputs} inputs, ${Math.round((now - startMs) / 1000)} s\n`)
}

if (!values.json) process.stdout.write(`seed=${seed}\n`)
const jobs = jobsOf(targetsNamed(positionals), inputs, seed)
const campaign = await runCampaign(jobs, { tell })
if (values.keep) for (const finding of campaign.findings) keep(finding)
const seconds = Math.round((performance.now() - startMs) / 1000)
if (values.json) {
  const findings = campaign.findings.map(({ input, ...finding }) => ({
    ...finding,
    input: Buffer.from(input).toString('base64'),
  }))
  process.stdout.write(`${JSON.stringify({ seed, seconds, ...campaign, findings })}\n`)
} else {
  for (const finding of campaign.findings) process.stdout.write(describe(finding))
  process.stdout.write(
    `${campaign.inputs} inputs in ${seconds} s: ${campaign.findings.length} faults, ` +
      `${campaign.ended} ended as the program ends them\n`,
  )
}
process.exitCode = campaign.findings.length > 0 ? 1 : 0
