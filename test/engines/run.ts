/**
 * `npm run test:engines`: every engine that is to be had here computes what test/vectors holds.
 * One that is not is named as not run, and counts as nothing. Words after the command choose the
 * engines whose names hold one of them.
 */
import type { Engine } from './engine.ts'
import { NODES } from './nodes.ts'
import { SHELLS } from './shells.ts'
import { WASMTIME } from './wasmtime.ts'

const ENGINES: readonly Engine[] = [...SHELLS, WASMTIME, ...NODES]

const words = process.argv.slice(2)
const chosen = ENGINES.filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
)

let passed = 0
let failed = 0
const notRun: string[] = []

function tell(isRight: boolean, what: string): void {
  if (isRight) passed += 1
  else failed += 1
  process.stdout.write(`${isRight ? '✓' : '✗'} ${what}\n`)
}

for (const { name, missing, run } of chosen) {
  const advice = missing()
  if (advice !== null) {
    notRun.push(`${name}: ${advice}`)
    continue
  }
  try {
    for (const finding of await run()) tell(finding.isRight, `${name}: ${finding.name}`)
  } catch (error) {
    tell(false, `${name}: ${(error as Error).message}`)
  }
}
for (const line of notRun) process.stdout.write(`- not run: ${line}\n`)
process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
// Where no engine was to be had, nothing is known.
process.exitCode = passed === 0 || failed > 0 ? 1 : 0
